"""Ingresses on a real proxy: `routes` decides, `configuration` says it in HAProxy's language, `data_plane` runs it."""
