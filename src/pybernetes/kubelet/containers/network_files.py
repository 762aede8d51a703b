"""resolv.conf, /etc/hosts and the host name of a pod. Pure.

Source: pkg/kubelet/network/dns/dns.go, kubelet_pods.go managedHostsFileContent, GeneratePodHostNameAndDomain.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pybernetes.api.core.v1 import HostAlias, Pod

MAX_NAMESERVERS = 3
MAX_SEARCH_PATHS = 32
MAX_SEARCH_CHARACTERS = 2048
_MAX_NAME = 253
_MAX_HOSTNAME = 63


@dataclass(slots=True)
class Dns:
    """What a resolv.conf says; `warnings` are texts of DNSConfigForming events."""

    servers: list[str] = field(default_factory=list)
    searches: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def parse_resolv_conf(text: str) -> Dns:
    dns = Dns()
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "nameserver" and len(words) > 1:
            dns.servers.append(words[1])
        elif words[0] == "search":
            dns.searches = [w.removesuffix(".") for w in words[1:] if w != "."]
        elif words[0] == "options":
            merged = {o.partition(":")[0]: o for o in (*dns.options, *words[1:])}
            dns.options = list(merged.values())
    return dns


def pod_dns(pod: Pod, host: Dns, cluster_dns: list[str], cluster_domain: str) -> Dns:
    """The resolver of a pod by its dnsPolicy and dnsConfig."""
    policy = pod.spec.dnsPolicy or "ClusterFirst"
    in_cluster = policy == "ClusterFirstWithHostNet" or (policy == "ClusterFirst" and not pod.spec.hostNetwork)
    dns = Dns(list(host.servers), list(host.searches), list(host.options))
    if policy == "None":
        dns = Dns()
    elif in_cluster and cluster_dns:
        searches = host.searches
        if cluster_domain:
            namespace = pod.metadata.namespace
            own = [f"{namespace}.svc.{cluster_domain}", f"svc.{cluster_domain}", cluster_domain]
            searches = [*own, *host.searches]
        dns = Dns(list(cluster_dns), _unique(searches), ["ndots:5"])
    config = pod.spec.dnsConfig
    if config is not None:
        dns.servers = _unique([*dns.servers, *config.nameservers])
        dns.searches = _unique([*dns.searches, *config.searches])
        options = {o.partition(":")[0]: o.partition(":")[2] for o in dns.options}
        options |= {o.name or "": o.value or "" for o in config.options}
        dns.options = [f"{name}:{value}" if value else name for name, value in options.items()]
    return _within_limits(dns)


def _within_limits(dns: Dns) -> Dns:
    if len(dns.servers) > MAX_NAMESERVERS:
        dns.servers = dns.servers[:MAX_NAMESERVERS]
        dns.warnings.append(
            "Nameserver limits were exceeded, some nameservers have been omitted, "
            f"the applied nameserver line is: {' '.join(dns.servers)}"
        )
    searches = [s for s in dns.searches[:MAX_SEARCH_PATHS] if len(s) <= _MAX_NAME]
    while len(" ".join(searches)) > MAX_SEARCH_CHARACTERS:
        searches.pop()
    if searches != dns.searches:
        dns.searches = searches
        dns.warnings.append(
            "Search Line limits were exceeded, some search paths have been omitted, "
            f"the applied search line is: {' '.join(searches)}"
        )
    return dns


def _unique(items: list[str]) -> list[str]:
    return list(dict.fromkeys(items))


def host_name(pod: Pod, cluster_domain: str) -> tuple[str, str]:
    """The pod's host name and, where it has a subdomain, its domain."""
    if pod.spec.hostnameOverride:
        return _truncated(pod.spec.hostnameOverride), ""
    name = _truncated(pod.spec.hostname or pod.metadata.name or "")
    if not pod.spec.subdomain:
        return name, ""
    return name, f"{pod.spec.subdomain}.{pod.metadata.namespace}.svc.{cluster_domain}"


def kernel_host_name(pod: Pod, cluster_domain: str) -> str:
    """What `hostname` prints in the pod: the whole name where setHostnameAsFQDN asks for it."""
    name, domain = host_name(pod, cluster_domain)
    if pod.spec.setHostnameAsFQDN and domain:
        whole = f"{name}.{domain}"
        if len(whole) > _MAX_HOSTNAME + 1:
            raise ValueError(
                f"failed to construct FQDN from pod hostname and cluster domain, FQDN {whole} is too long "
                f"(64 characters is the max, {len(whole)} characters requested)"
            )
        return whole
    return name


def _truncated(name: str) -> str:
    return name if len(name) <= _MAX_HOSTNAME else name[:_MAX_HOSTNAME].rstrip("-.")


def hosts_file(pod: Pod, ips: list[str], cluster_domain: str, node_hosts: str = "") -> str:
    """/etc/hosts: the node's with a heading for pods in its network, one of our own for the others."""
    aliases = _alias_lines(pod.spec.hostAliases)
    if pod.spec.hostNetwork:
        return f"# Kubernetes-managed hosts file (host network).\n{node_hosts}{aliases}"
    name, domain = host_name(pod, cluster_domain)
    names = f"{name}.{domain}\t{name}" if domain else name
    own = "".join(f"{ip}\t{names}\n" for ip in ips)
    return (
        "# Kubernetes-managed hosts file.\n"
        "127.0.0.1\tlocalhost\n"
        "::1\tlocalhost ip6-localhost ip6-loopback\n"
        "fe00::0\tip6-localnet\n"
        "fe00::0\tip6-mcastprefix\n"
        "fe00::1\tip6-allnodes\n"
        "fe00::2\tip6-allrouters\n"
        f"{own}{aliases}"
    )


def _alias_lines(aliases: list[HostAlias]) -> str:
    if not aliases:
        return ""
    lines = "".join(f"{alias.ip}\t" + "\t".join(alias.hostnames) + "\n" for alias in aliases)
    return f"\n# Entries added by HostAliases.\n{lines}"
