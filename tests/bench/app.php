<?php
// The guide's /async/await-one and /sync/noawait, as PHP has them: it blocks.
$seconds = (float)($_GET['seconds'] ?? 1.5);
if ($seconds > 0)
	usleep((int)($seconds * 1e6));
$body = json_encode(['mode' => 'async', 'detail' => sprintf('async_io_task(%.1fs) done', $seconds)]);
header('Content-Type: application/json');
header('Content-Length: ' . strlen($body));
header('Cache-Control: no-store');
echo $body;
