"""Tells in the status of ValidatingAdmissionPolicies which of their expressions do not fit the types they are for."""
