"""Carries out StorageVersionMigrations: writes every object of a resource anew, one migration of it at a time."""
