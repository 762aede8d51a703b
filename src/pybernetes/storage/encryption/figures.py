"""Figures of encryption at rest, in Prometheus' text form under upstream's names.

Source: apiserver/pkg/storage/value/metrics.go, encrypt/envelope/metrics, server/options/encryptionconfig/metrics.
"""

from __future__ import annotations

from collections.abc import Iterator

from pybernetes.apimachinery.metrics_text import Histogram, head

_BUCKETS = tuple(5e-6 * 2**power for power in range(25))


class Figures:
    def __init__(self) -> None:
        self._operations: dict[tuple[str, str, str, str], int] = {}
        self._seconds: dict[tuple[str, str], Histogram] = {}
        self._kms: dict[tuple[str, str, str], Histogram] = {}
        self.cache_misses = 0
        self.data_keys = 0
        self.seeds: dict[str, int] = {}
        """Data keys held, by KMS provider."""
        self.reloads: dict[str, int] = {}
        """success, failure -> how often."""
        self.reloaded_s: dict[str, float] = {}
        self.config_hash = ""

    def operation(self, resource: str, kind: str, prefix: str, seconds: float, status: str = "OK") -> None:
        """`kind`: from_storage or to_storage."""
        key = (resource, kind, prefix, status)
        self._operations[key] = self._operations.get(key, 0) + 1
        if status == "OK":
            self._seconds.setdefault((kind, prefix), Histogram(_BUCKETS)).add(seconds)

    def kms_call(self, provider: str, method: str, code: str, seconds: float) -> None:
        self._kms.setdefault((provider, method, code), Histogram(_BUCKETS)).add(seconds)

    def reload(self, outcome: str, now_s: float) -> None:
        self.reloads[outcome] = self.reloads.get(outcome, 0) + 1
        self.reloaded_s[outcome] = now_s

    def lines(self) -> Iterator[str]:
        name = "apiserver_storage_transformation_operations_total"
        yield from head(name, "counter", "Values read from and written to the store, by provider.")
        for (resource, kind, prefix, status), count in sorted(self._operations.items()):
            yield (
                f'{name}{{resource="{resource}",status="{status}",transformation_type="{kind}",'
                f'transformer_prefix="{prefix}"}} {count}'
            )
        name = "apiserver_storage_transformation_duration_seconds"
        yield from head(name, "histogram", "Time of one of them.")
        for (kind, prefix), histogram in sorted(self._seconds.items()):
            yield from histogram.lines(name, f'transformation_type="{kind}",transformer_prefix="{prefix}"')
        name = "apiserver_storage_envelope_transformation_cache_misses_total"
        yield from head(name, "counter", "Data keys that a KMS plugin was asked for.")
        yield f"{name} {self.cache_misses}"
        name = "apiserver_envelope_encryption_dek_source_cache_size"
        yield from head(name, "gauge", "Data keys that are held.")
        for provider, count in sorted(self.seeds.items()):
            yield f'{name}{{provider_name="{provider}"}} {count}'
        name = "apiserver_envelope_encryption_kms_operations_latency_seconds"
        yield from head(name, "histogram", "Time of the calls to KMS plugins.")
        for (provider, method, code), histogram in sorted(self._kms.items()):
            yield from histogram.lines(
                name, f'grpc_status_code="{code}",method_name="{method}",provider_name="{provider}"'
            )
        name = "apiserver_encryption_config_controller_automatic_reloads_total"
        yield from head(name, "counter", "Times the encryption configuration was read again.")
        for outcome, count in sorted(self.reloads.items()):
            yield f'{name}{{status="{outcome}"}} {count}'
        name = "apiserver_encryption_config_controller_automatic_reload_last_timestamp_seconds"
        yield from head(name, "gauge", "When that was last.")
        for outcome, moment_s in sorted(self.reloaded_s.items()):
            yield f'{name}{{status="{outcome}"}} {moment_s:.3f}'
        name = "apiserver_encryption_config_controller_last_config_info"
        yield from head(name, "gauge", "The configuration in use, by its hash.")
        yield f'{name}{{hash="{self.config_hash}"}} 1'
