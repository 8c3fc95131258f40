DROP TABLE deleted_user;
