DROP TABLE audit_event, quota_entry, quota_reservation, quota, access_token, account_role, role,
    signing_key, refresh_token, session, credential, account, plan_quota, plan;
