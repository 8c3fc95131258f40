DROP TABLE deleted_group;
DROP TABLE group_member;
DROP TABLE asset_audience;
