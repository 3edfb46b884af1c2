"""A table of keys, factors and covariates, a model, and responses of any number: designed, fitted, tested."""
