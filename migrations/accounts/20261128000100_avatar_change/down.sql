DROP TABLE avatar_change;
