-- wrk's own summary as one line of JSON, with the names that loadgen uses.
function done(summary, latency, requests)
	local e = summary.errors
	local bad = e.connect + e.read + e.write + e.status + e.timeout
	io.write(string.format(
		'{"answers":%d,"errors":%d,"seconds":%.3f,"rate":%.1f,"p50_ms":%.4f,"p99_ms":%.4f,"max_ms":%.4f}\n',
		summary.requests, bad, summary.duration / 1e6,
		summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3,
		latency:percentile(99) / 1e3, latency.max / 1e3))
end
