ALTER TABLE worker DROP COLUMN access_token;
DROP TABLE result_shape;
DROP TABLE worker_grant;
