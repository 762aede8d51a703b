"""The functions that expressions may call, with the types of their overloads.

A line is a function, then its overloads: the identifier, the types it takes (with a dot before those of a member), and
what it gives. Single capitals are parameters of types.
Source: cel-go/common/stdlib/standard.go, cel-go/ext/{strings,lists,sets,comprehensions}.go, cel-go/cel/library.go
(optionals), apiserver/pkg/cel/library, apiserver/pkg/cel/environment/base.go (which of them there are).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pybernetes.cel import types
from pybernetes.cel.types import Type

COMPARABLE = ("int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes")
FORMATS = (
    "dns1123Label", "dns1123Subdomain", "dns1035Label", "qualifiedName", "dns1123LabelPrefix", "dns1123SubdomainPrefix",
    "dns1035LabelPrefix", "labelValue", "uri", "uuid", "byte", "date", "datetime",
)  # fmt: skip
_TIMES = {
    "getFullYear": "year", "getMonth": "month", "getDayOfYear": "day_of_year", "getDayOfMonth": "day_of_month",
    "getDate": "day_of_month_1_based", "getDayOfWeek": "day_of_week", "getHours": "hours", "getMinutes": "minutes",
    "getSeconds": "seconds", "getMilliseconds": "milliseconds",
}  # fmt: skip
_ORDERED = "bool int64:int uint64:uint double string bytes timestamp duration"
_STANDARD = """
_?_:_     conditional(bool, A, A) A
_&&_      logical_and(bool, bool) bool
_||_      logical_or(bool, bool) bool
!_        logical_not(bool) bool
@not_strictly_false  not_strictly_false(bool) bool
_==_      equals(A, A) bool
_!=_      not_equals(A, A) bool
_+_       add_bytes(bytes, bytes) bytes; add_double(double, double) double; \
          add_duration_duration(duration, duration) duration; add_duration_timestamp(duration, timestamp) timestamp; \
          add_timestamp_duration(timestamp, duration) timestamp; add_int64(int, int) int; \
          add_list(list<A>, list<A>) list<A>; add_string(string, string) string; add_uint64(uint, uint) uint
_/_       divide_double(double, double) double; divide_int64(int, int) int; divide_uint64(uint, uint) uint
_%_       modulo_int64(int, int) int; modulo_uint64(uint, uint) uint
_*_       multiply_double(double, double) double; multiply_int64(int, int) int; multiply_uint64(uint, uint) uint
-_        negate_double(double) double; negate_int64(int) int
_-_       subtract_double(double, double) double; subtract_duration_duration(duration, duration) duration; \
          subtract_int64(int, int) int; subtract_timestamp_duration(timestamp, duration) timestamp; \
          subtract_timestamp_timestamp(timestamp, timestamp) duration; subtract_uint64(uint, uint) uint
_[_]      index_list(list<A>, int) A; index_map(map<A, B>, A) B; \
          optional_list_index_int(optional<list<A>>, int) optional<A>; \
          optional_map_index_value(optional<map<A, B>>, A) optional<B>
@in       in_list(A, list<A>) bool; in_map(A, map<A, B>) bool
size      size_bytes(bytes) int; bytes_size.(bytes) int; size_list(list<A>) int; list_size.(list<A>) int; \
          size_map(map<A, B>) int; map_size.(map<A, B>) int; size_string(string) int; string_size.(string) int
type      type(A) type<A>
bool      bool_to_bool(bool) bool; string_to_bool(string) bool
bytes     bytes_to_bytes(bytes) bytes; string_to_bytes(string) bytes
double    double_to_double(double) double; int64_to_double(int) double; string_to_double(string) double; \
          uint64_to_double(uint) double
duration  duration_to_duration(duration) duration; int64_to_duration(int) duration; string_to_duration(string) duration
dyn       to_dyn(A) dyn
int       int64_to_int64(int) int; double_to_int64(double) int; duration_to_int64(duration) int; \
          string_to_int64(string) int; timestamp_to_int64(timestamp) int; uint64_to_int64(uint) int
string    string_to_string(string) string; bool_to_string(bool) string; bytes_to_string(bytes) string; \
          double_to_string(double) string; duration_to_string(duration) string; int64_to_string(int) string; \
          timestamp_to_string(timestamp) string; uint64_to_string(uint) string; ip_to_string(IP) string; \
          cidr_to_string(CIDR) string
timestamp timestamp_to_timestamp(timestamp) timestamp; int64_to_timestamp(int) timestamp; \
          string_to_timestamp(string) timestamp
uint      uint64_to_uint64(uint) uint; double_to_uint64(double) uint; int64_to_uint64(int) uint; \
          string_to_uint64(string) uint
contains  contains_string.(string, string) bool
endsWith  ends_with_string.(string, string) bool
startsWith starts_with_string.(string, string) bool
matches   matches(string, string) bool; matches_string.(string, string) bool
_?._      select_optional_field(dyn, string) optional<A>
_[?_]     list_optindex_optional_int(list<A>, int) optional<A>; \
          optional_list_optindex_optional_int(optional<list<A>>, int) optional<A>; \
          map_optindex_optional_value(map<A, B>, A) optional<B>; \
          optional_map_optindex_optional_value(optional<map<A, B>>, A) optional<B>
optional.of             optional_of(A) optional<A>
optional.ofNonZeroValue optional_ofNonZeroValue(A) optional<A>
optional.none           optional_none() optional<A>
optional.unwrap         optional_unwrap(list<optional<A>>) list<A>
unwrapOpt optional_unwrapOpt.(list<optional<A>>) list<A>
value     optional_value.(optional<A>) A
hasValue  optional_hasValue.(optional<A>) bool
or        optional_or_optional.(optional<A>, optional<A>) optional<A>
orValue   optional_orValue_value.(optional<A>, A) A
last      list_last.(list<A>) optional<A>
first     list_first.(list<A>) optional<A>
cel.@mapInsert  @mapInsert_map_key_value(map<K, V>, K, V) map<K, V>; @mapInsert_map_map(map<K, V>, map<K, V>) map<K, V>
charAt    string_char_at_int.(string, int) string
indexOf   string_index_of_string.(string, string) int; string_index_of_string_int.(string, string, int) int; \
          list_a_index_of_int.(list<A>, A) int
lastIndexOf string_last_index_of_string.(string, string) int; \
          string_last_index_of_string_int.(string, string, int) int; list_a_last_index_of_int.(list<A>, A) int
lowerAscii string_lower_ascii.(string) string
upperAscii string_upper_ascii.(string) string
replace   string_replace_string_string.(string, string, string) string; \
          string_replace_string_string_int.(string, string, string, int) string
split     string_split_string.(string, string) list<string>; string_split_string_int.(string, string, int) list<string>
substring string_substring_int.(string, int) string; string_substring_int_int.(string, int, int) string
trim      string_trim.(string) string
format    string_format.(string, list<dyn>) string
strings.quote strings_quote(string) string
join      list_join.(list<string>) string; list_join_string.(list<string>, string) string
find      string_find_string.(string, string) string
findAll   string_find_all_string.(string, string) list<string>; \
          string_find_all_string_int.(string, string, int) list<string>
sum       list_int_sum_int.(list<int>) int; list_uint_sum_uint.(list<uint>) uint; \
          list_double_sum_double.(list<double>) double; list_duration_sum_duration.(list<duration>) duration
slice     list_slice.(list<A>, int, int) list<A>
flatten   list_flatten.(list<list<A>>) list<A>; list_flatten_int.(list<dyn>, int) list<dyn>
lists.range lists_range(int) list<int>
reverse   list_reverse.(list<A>) list<A>
distinct  list_distinct.(list<A>) list<A>
sets.contains   list_sets_contains_list(list<A>, list<A>) bool
sets.equivalent list_sets_equivalent_list(list<A>, list<A>) bool
sets.intersects list_sets_intersects_list(list<A>, list<A>) bool
quantity  string_to_quantity(string) Quantity
isQuantity is_quantity_string(string) bool
sign      quantity_sign(Quantity) int
isGreaterThan quantity_is_greater_than.(Quantity, Quantity) bool; semver_is_greater_than.(Semver, Semver) bool
isLessThan quantity_is_less_than.(Quantity, Quantity) bool; semver_is_less_than.(Semver, Semver) bool
compareTo quantity_compare_to.(Quantity, Quantity) int; semver_compare_to.(Semver, Semver) int
asApproximateFloat quantity_get_float.(Quantity) double
asInteger quantity_get_int.(Quantity) int
isInteger quantity_is_integer.(Quantity) bool
add       quantity_add.(Quantity, Quantity) Quantity; quantity_add_int.(Quantity, int) Quantity
sub       quantity_sub.(Quantity, Quantity) Quantity; quantity_sub_int.(Quantity, int) Quantity
semver    string_to_semver(string) Semver; string_bool_to_semver(string, bool) Semver
isSemver  is_semver_string(string) bool; is_semver_string_bool(string, bool) bool
major     semver_major.(Semver) int
minor     semver_minor.(Semver) int
patch     semver_patch.(Semver) int
url       string_to_url(string) URL
getScheme url_get_scheme.(URL) string
getHost   url_get_host.(URL) string
getHostname url_get_hostname.(URL) string
getPort   url_get_port.(URL) string
getEscapedPath url_get_escaped_path.(URL) string
getQuery  url_get_query.(URL) map<string, list<string>>
isURL     is_url_string(string) bool
ip        string_to_ip(string) IP; cidr_ip.(CIDR) IP
family    ip_family.(IP) int
ip.isCanonical ip_is_canonical(string) bool
isUnspecified ip_is_unspecified.(IP) bool
isLoopback ip_is_loopback.(IP) bool
isLinkLocalMulticast ip_is_link_local_multicast.(IP) bool
isLinkLocalUnicast ip_is_link_local_unicast.(IP) bool
isGlobalUnicast ip_is_global_unicast.(IP) bool
isIP      is_ip(string) bool
cidr      string_to_cidr(string) CIDR
containsIP cidr_contains_ip_string.(CIDR, string) bool; cidr_contains_ip_ip.(CIDR, IP) bool
containsCIDR cidr_contains_cidr_string.(CIDR, string) bool; cidr_contains_cidr.(CIDR, CIDR) bool
prefixLength cidr_prefix_length.(CIDR) int
masked    cidr_masked.(CIDR) CIDR
isCIDR    is_cidr(string) bool
validate  format-validate.(Format, string) optional<list<string>>
format.named format-named(string) optional<Format>
path      authorizer_path.(Authorizer, string) PathCheck
group     authorizer_group.(Authorizer, string) GroupCheck
serviceAccount authorizer_serviceaccount.(Authorizer, string, string) Authorizer
resource  groupcheck_resource.(GroupCheck, string) ResourceCheck
subresource resourcecheck_subresource.(ResourceCheck, string) ResourceCheck
namespace resourcecheck_namespace.(ResourceCheck, string) ResourceCheck
name      resourcecheck_name.(ResourceCheck, string) ResourceCheck
check     pathcheck_check.(PathCheck, string) Decision; resourcecheck_check.(ResourceCheck, string) Decision
errored   decision_errored.(Decision) bool
error     decision_error.(Decision) string
allowed   decision_allowed.(Decision) bool
reason    decision_reason.(Decision) string
fieldSelector authorizer_fieldselector.(ResourceCheck, string) ResourceCheck
labelSelector authorizer_labelselector.(ResourceCheck, string) ResourceCheck
"""
_OF_AUTHORIZATION = ("Authorizer", "PathCheck", "GroupCheck", "ResourceCheck", "Decision")
_WORDS: Mapping[str, Type] = {
    **types.NAMED,
    "dyn": types.DYN,
    "duration": types.DURATION,
    "timestamp": types.TIMESTAMP,
    "Quantity": types.QUANTITY,
    "URL": types.URL,
    "Semver": types.SEMVER,
    "Format": types.FORMAT,
    "IP": types.IP,
    "CIDR": types.CIDR,
    **{name: Type("struct", f"kubernetes.authorization.{name}") for name in _OF_AUTHORIZATION},
}


AUTHORIZER, RESOURCE_CHECK = _WORDS["Authorizer"], _WORDS["ResourceCheck"]


@dataclass(frozen=True, slots=True)
class Overload:
    id: str
    member: bool
    takes: tuple[Type, ...]
    gives: Type


Functions = Mapping[str, tuple[Overload, ...]]


def read(text: str) -> dict[str, tuple[Overload, ...]]:
    """The functions that lines declare."""
    found = {}
    for line in text.strip().replace("\\\n", " ").splitlines():
        name, _, rest = line.partition(" ")
        found[name] = tuple(_overload(each.strip()) for each in rest.split("; "))
    return found


def _overload(text: str) -> Overload:
    name, _, rest = text.partition("(")
    taken, _, given = rest.rpartition(")")
    takes = tuple(_type(each) for each in _split(taken))
    return Overload(name.removesuffix("."), name.endswith("."), takes, _type(given.strip()))


def _split(text: str) -> list[str]:
    return [each.strip() for each in re.split(r",(?![^<]*>)", text) if each.strip()]


def _type(text: str) -> Type:
    name, _, inner = text.removesuffix(">").partition("<")
    if inner:
        parameters = tuple(_type(each) for each in _split(inner))
        return types.optional_of(parameters[0]) if name == "optional" else Type(name, "", parameters)
    return types.parameter(name) if len(name) == 1 else _WORDS[name]


@functools.cache
def standard() -> Functions:
    """The functions of every environment."""
    lines = [_STANDARD.strip()]
    for sign, name in (("<", "less"), ("<=", "less_equals"), (">", "greater"), (">=", "greater_equals")):
        same = [each.partition(":") for each in _ORDERED.split()]
        each = [f"{name}_{one}({kind or one}, {kind or one}) bool" for one, _, kind in same]
        numbers = {"int64": "int", "uint64": "uint", "double": "double"}
        for one, left in numbers.items():
            each += [f"{name}_{one}_{two}({left}, {right}) bool" for two, right in numbers.items() if one != two]
        lines.append(f"_{sign}_ {'; '.join(each)}")
    for getter, name in _TIMES.items():
        each = [f"timestamp_to_{name}.(timestamp) int", f"timestamp_to_{name}_with_tz.(timestamp, string) int"]
        if getter in ("getHours", "getMinutes", "getSeconds", "getMilliseconds"):
            each.append(f"duration_to_{name}.(duration) int")
        lines.append(f"{getter} {'; '.join(each)}")
    for verb in ("isSorted", "min", "max", "sort", "@sortByAssociatedKeys"):
        lines.append(f"{verb} {'; '.join(_of_lists(verb, kind) for kind in COMPARABLE)}")
    lines += [f"format.{name} format.{name}() Format" for name in FORMATS]
    return read("\n".join(lines))


def _of_lists(verb: str, kind: str) -> str:
    match verb:
        case "isSorted":
            return f"list_{kind}_is_sorted_bool.(list<{kind}>) bool"
        case "sort":
            return f"list_{kind}_sort.(list<{kind}>) list<{kind}>"
        case "@sortByAssociatedKeys":
            return f"list_{kind}_sortByAssociatedKeys.(list<A>, list<{kind}>) list<A>"
    return f"list_{kind}_{verb}_{kind}.(list<{kind}>) {kind}"
