DROP TABLE doomed_object;
DROP TABLE upload_part;
DROP TABLE upload;
DROP TABLE asset;
DROP TABLE derivative;
DROP TABLE blob;
