<?php
// An order by its key, as PHP has it: with one statement in one round trip, on a connection that
// the process keeps.
$db = new PDO(getenv('DATABASE_DSN'), null, null, [
	PDO::ATTR_PERSISTENT => true,
	PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
	PDO::PGSQL_ATTR_DISABLE_PREPARES => true,
]);
$orders = $db->prepare('SELECT id, item, quantity FROM orders WHERE id = ?');
$orders->execute([basename($_SERVER['PATH_INFO'])]);
$order = $orders->fetch(PDO::FETCH_ASSOC);
if (!$order)
	http_response_code(404);
$body = json_encode($order ?: ['detail' => 'Not Found']);
header('Content-Type: application/json');
header('Content-Length: ' . strlen($body));
echo $body;
