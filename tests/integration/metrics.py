"""Reads a Prometheus text exposition (format 0.0.4) from stdin with the Prometheus project's own
parser, and applies promtool's rules to it. Prints what is wrong; status 1 then."""
import collections
import math
import re
import sys

from prometheus_client.parser import text_string_to_metric_families

faults = []
text = sys.stdin.read()
seen = collections.Counter()
families = list(text_string_to_metric_families(text))


def check(right, name, what):
    if not right:
        faults.append(f"{name}: {what}")


def check_histogram(family):
    """Of each set of labels: buckets ascend, none is below the one before, and +Inf is the count."""
    rows = collections.defaultdict(lambda: {"buckets": [], "count": None, "sum": None})
    for sample in family.samples:
        key = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
        kind = sample.name[len(family.name) + 1:].replace("bucket", "buckets")
        if kind == "buckets":
            rows[key][kind].append((float(sample.labels["le"]), sample.value))
        else:
            rows[key][kind] = sample.value
    for row in rows.values():
        buckets = row["buckets"]
        check(buckets == sorted(buckets), family.name, "buckets out of order")
        check(all(a[1] <= b[1] for a, b in zip(buckets, buckets[1:])), family.name, "not cumulative")
        check(buckets and buckets[-1] == (math.inf, row["count"]), family.name, "+Inf is not the count")
        check(row["sum"] is not None, family.name, "no sum")


check(text.endswith("\n"), "text", "the last line does not end")
check(bool(families), "text", "no metrics")
# The parser adds a counter's _total where it is missing.
for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
    check((kind == "counter") == name.endswith("_total"), name, f"a {kind} of this name")
for family in families:
    check(bool(family.documentation), family.name, "no HELP")
    check(family.type in ("counter", "gauge", "histogram", "summary"), family.name, f"TYPE {family.type}")
    check(bool(family.samples), family.name, "no samples")
    seen[family.name] += 1
    check(seen[family.name] == 1, family.name, "in two groups")
    for sample in family.samples:
        seen[(sample.name, tuple(sorted(sample.labels.items())))] += 1
        check(not math.isnan(sample.value), sample.name, "no number")
    if family.type == "histogram":
        check_histogram(family)
    if family.type == "summary":
        names = collections.Counter(sample.name for sample in family.samples)
        check(names[f"{family.name}_sum"] == names[f"{family.name}_count"] > 0, family.name, "no sum, or no count")
for key, times in seen.items():
    check(times == 1, key, f"{times} times")
print("\n".join(faults), end="\n" if faults else "")
sys.exit(bool(faults))
