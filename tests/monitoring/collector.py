#!/usr/bin/env python3
"""collector.py PORT DIRECTORY: an OpenTelemetry collector, as far as OTLP over HTTP in JSON goes: takes POST /v1/traces,
looks whether what comes is as the specification says, and notes it in DIRECTORY/spans, a line for each span:
TRACE SPAN PARENT KIND MILLISECONDS STATUS WORKER NAME. What is wrong is a line that begins with WRONG. It answers as
DIRECTORY/answer says: a status, or "silent"; 200, if there is none."""
import http.server
import json
import re
import sys
import time

port, directory = int(sys.argv[1]), sys.argv[2]


def note(line):
    with open(directory + '/spans', 'a', encoding='utf-8') as file:
        file.write(line + '\n')


def answer():
    try:
        return open(directory + '/answer', encoding='utf-8').read().strip()
    except OSError:
        return '200'


def attributes(of):
    found = {}
    for one in of.get('attributes', []):
        (kind, value), = one['value'].items()
        assert kind in ('stringValue', 'intValue') and isinstance(value, str), one
        assert kind == 'stringValue' or re.fullmatch(r'\d+', value), one
        assert one['key'] not in found, one
        found[one['key']] = value
    return found


def read_span(span, worker, known):
    assert re.fullmatch('[0-9a-f]{32}', span['traceId']) and int(span['traceId'], 16), span
    assert re.fullmatch('[0-9a-f]{16}', span['spanId']) and int(span['spanId'], 16), span
    assert span['name'] and span['kind'] in (1, 2, 3, 5), span
    start, end = int(span['startTimeUnixNano']), int(span['endTimeUnixNano'])
    assert start <= end and abs(time.time() - end / 1e9) < 600, span
    assert (span['traceId'], span['spanId']) not in known, 'twice'
    known[span['traceId'], span['spanId']] = start, end, span.get('parentSpanId')
    status = attributes(span).get('http.response.status_code', '-')
    note(f"{span['traceId']} {span['spanId']} {span.get('parentSpanId', '-')} {span['kind']} "
         f"{(end - start) / 1e6:.3f} {status} {worker} {span['name']}")


def read(batch):
    known = {}
    for resource in batch['resourceSpans']:
        worker = attributes(resource['resource'])
        assert worker['service.name'] and worker['process.pid'], worker
        for scope in resource['scopeSpans']:
            assert scope['scope']['name'] == 'lanes', scope
            assert scope['spans'], 'an empty scope'
            for span in scope['spans']:
                read_span(span, worker['service.instance.id'], known)
    for (trace, span), (start, end, parent) in known.items():
        if parent:
            above = known[trace, parent]  # a request is sent whole
            assert above[0] <= start and above[2] is None, (span, parent)


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        how = answer()
        if how == 'silent':
            note('SILENT')
            time.sleep(600)
        try:
            assert self.path == '/v1/traces' and self.headers['Content-Type'] == 'application/json', self.path
            if how == '200':
                read(json.loads(body))
        except Exception as wrong:  # whatever it is
            note(f'WRONG {type(wrong).__name__} {wrong}')
        note(f'BATCH {len(body)} {how}')
        self.send_response(int(how))
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'{}')

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(('127.0.0.1', port), Collector).serve_forever()
