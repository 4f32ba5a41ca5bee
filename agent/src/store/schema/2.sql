-- What an endpoint's calls speak above HTTP: http, event_stream, grpc_web, grpc, websocket.
ALTER TABLE endpoints ADD COLUMN protocol TEXT NOT NULL DEFAULT 'http';
