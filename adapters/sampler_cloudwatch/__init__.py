"""The adapter ``emf``: lines in CloudWatch's embedded metric format."""

from sampler_cloudwatch._adapter import EMF

__all__ = ["EMF"]
