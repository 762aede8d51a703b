"""Encryption at rest: a store around any other one, by an EncryptionConfiguration."""
