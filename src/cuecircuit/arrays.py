"""Array types with axis names: `Floats[Array, "subject condition response"]`, checked in the tests."""

from jaxtyping import Bool, Float, Float32, Float64, Int, Shaped, UInt8
from numpy import ndarray as Array

__all__ = ["Array", "Bool", "Float", "Float32", "Float64", "Int", "Shaped", "UInt8"]
