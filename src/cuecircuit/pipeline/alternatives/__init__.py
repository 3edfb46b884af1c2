"""One study analyzed as its study file says and as it could have been."""
