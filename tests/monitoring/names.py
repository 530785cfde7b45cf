#!/usr/bin/env python3
"""names.py METRICS: whether spawn/monitoring asks for what there is. Reads what /metrics prints from that file; each
metric and label that an alert or a panel names has to be there. Prints what is not; status 1 then. Then writes the
dashboard's expressions to stdout as rules, one for each, for promtool to parse."""
import json
import re
import sys

HERE = 'spawn/monitoring/'
SCRAPED = {'instance', 'job'}  # labels that Prometheus gives

labels = {}  # of each name that is printed
for line in open(sys.argv[1], encoding='utf-8'):
    sample = re.match(r'([a-z_]+)\{(.*)\} ', line)
    if sample:
        labels.setdefault(sample[1], set()).update(re.findall(r'([a-z]+)="', sample[2]))

rules = open(HERE + 'alerts.yml', encoding='utf-8').read()
dashboard = json.load(open(HERE + 'dashboard.json', encoding='utf-8'))
asked = re.findall(r'^ +expr: (?:>-\n)?((?:.+\n)(?: {10}.*\n)*)', rules, re.M)
panels = [target['expr'] for panel in dashboard['panels'] for target in panel.get('targets', [])]
variables = [variable['query']['query'] for variable in dashboard['templating']['list']
             if variable['type'] == 'query']

faults = set()
for expr in asked + panels + variables:
    for name, matchers in re.findall(r'\b(lanes_[a-z_]+)(?:\{([^}]*)\})?', expr):
        if name not in labels:
            faults.add(f'{name}: /metrics prints no such metric')
            continue
        for label in re.findall(r'([a-z]+) *[=!]', re.sub(r'"[^"]*"', '""', matchers)):
            if label not in labels[name] | SCRAPED:
                faults.add(f'{name}: /metrics prints no label {label}')
    for by in re.findall(r'\b(?:by|on) \(([^)]*)\)', expr):
        for label in re.split(', *', by):
            if label not in set().union(SCRAPED, *labels.values()):
                faults.add(f'{label}: no metric has such a label')
if len(asked) != rules.count('- alert:'):
    faults.add('alerts.yml: an expression could not be read')

print('groups: [{name: panels, rules: [')
for number, expr in enumerate(panels):
    expr = expr.replace('$__rate_interval', '5m').replace('$instance', '.*').replace('$pool', '.*')
    print(f'  {{record: "panel:{number}", expr: {json.dumps(expr)}}},')
print(']}]')
for fault in sorted(faults):
    print(fault, file=sys.stderr)
sys.exit(bool(faults))
