"""What each address of the product means on the trail, in words. A pair tells opening a form from sending it.

Kept in one place, because a test holds it to the list of addresses: none without words, no words without an address.
"""

from __future__ import annotations

from audit.sentences import Words

ROUTES: dict[str, Words] = {
    "home": "looked at their home page",
    "caseload": "looked at the caseload",
    "patient_record": "opened the patient record",
    "help": "looked at the help page",
    "signed_out": "looked at the page for people who are signed out",
    "healthz": "checked that the service is up",
    # Patients, cases, visits, contacts
    "cases:find": ("opened the search for a patient", "searched for a patient"),
    "cases:patient_register": (
        "opened the form to register a patient",
        "sent the form to register a patient",
    ),
    "cases:patient_edit": ("opened the patient's details to change them", "sent changed patient details"),
    "cases:duplicate": (
        "opened a possible duplicate of the record",
        "answered whether two records are one person",
    ),
    "cases:case_hand_over": ("opened the form to hand the case over", "sent the form to hand the case over"),
    "cases:case_close": ("opened the form to close the case", "sent the form to close the case"),
    "cases:drafts": "looked at their unfinished entries",
    "cases:draft_keep": "saved an unfinished entry",
    "cases:draft_keep_new_patient": "saved an unfinished registration",
    "cases:draft_discard": ("opened the question whether to discard a draft", "discarded a draft"),
    "cases:patient_timeline": "opened the patient's timeline",
    "cases:to_sign": "looked at contacts waiting for a signature",
    "cases:contact_reviews": "looked at reviews of police presence",
    "cases:contact_log": ("opened the form to log a contact", "sent the form to log a contact"),
    "cases:contact": "opened a contact",
    "cases:contact_change": ("opened a contact to change it", "sent a changed contact"),
    "cases:contact_sign": ("opened a contact to sign it", "sent the signature of a contact"),
    "cases:contact_addendum": ("opened the form to add to a contact", "sent an addition to a contact"),
    "cases:contact_strike_out": (
        "opened a contact to strike it out",
        "sent the form to strike a contact out",
    ),
    "cases:contact_review": (
        "opened the review of police presence at a contact",
        "sent the review of police presence at a contact",
    ),
    "cases:visit_plan": ("opened the form to plan a visit", "sent the form to plan a visit"),
    "cases:visit": "opened a visit",
    "cases:visit_change": ("opened a visit to change it", "sent a changed visit"),
    "cases:visit_outcome": ("opened the form for what became of a visit", "sent what became of a visit"),
    # Crisis response plans
    "crisis_plans:plan": "opened the crisis response plan",
    "crisis_plans:plan_print": "opened the crisis response plan for print",
    "crisis_plans:plan_start": (
        "opened the question whether to begin a new version of the plan",
        "began a new version of the plan",
    ),
    "crisis_plans:plan_versions": "opened the list of the plan's versions",
    "crisis_plans:plan_version": "opened a version of the crisis response plan",
    "crisis_plans:plan_differences": "opened the differences between two versions of the plan",
    "crisis_plans:plan_edit": ("opened the plan to write in it", "sent text of the plan"),
    "crisis_plans:plan_submit": ("opened the form to submit the plan", "sent the plan for approval"),
    "crisis_plans:plan_withdraw": ("opened the form to take the plan back", "took the plan back"),
    "crisis_plans:plan_discard": (
        "opened the form to discard a version of the plan",
        "discarded a version of the plan",
    ),
    "crisis_plans:plan_decide": ("opened the plan to decide on it", "sent a decision on the plan"),
    # Reminders
    "reminders:notifications": "looked at their notifications",
    "reminders:mark_read": "opened a notification",
    "reminders:mark_all_read": "set their notifications to read",
    "reminders:tasks": "looked at their tasks",
    "reminders:team_tasks": "looked at the team's tasks",
    "reminders:tick_off": ("opened a task", "settled a task"),
    "reminders:stuck_emails": "looked at e-mails that wait for a person",
    "reminders:decide_email": ("opened an e-mail that waits for a person", "sent a decision on an e-mail"),
    # People and teams
    "accounts:people": "looked at people and their roles",
    "accounts:person": "opened a colleague's page",
    "accounts:person_invite": ("opened the form to invite somebody", "sent the form to invite somebody"),
    "accounts:person_find": ("opened the search for a colleague", "searched for a colleague"),
    "accounts:invitation_resend": ("opened the form to invite somebody again", "sent an invitation again"),
    "accounts:person_leave": ("opened the form to end an account", "sent the form to end an account"),
    "accounts:membership_add": ("opened the form to give a role", "sent the form to give a role"),
    "accounts:membership_end": ("opened the form to end a role", "sent the form to end a role"),
    "accounts:registration_add": (
        "opened the form for a professional registration",
        "sent a professional registration",
    ),
    "accounts:registration_renew": (
        "opened the form to renew a professional registration",
        "sent a renewed professional registration",
    ),
    "accounts:second_factor_request": (
        "opened the form to replace a lost second factor",
        "asked for a lost second factor to be replaced",
    ),
    "accounts:second_factor_confirm": (
        "opened the form to confirm the reset of a second factor",
        "confirmed the reset of a second factor",
    ),
    "accounts:second_factor_refuse": (
        "opened the form to refuse the reset of a second factor",
        "refused the reset of a second factor",
    ),
    "accounts:teams": "looked at teams and organisations",
    "accounts:team_add": ("opened the form to add a team", "sent the form to add a team"),
    "accounts:organisation_add": (
        "opened the form to add an organisation",
        "sent the form to add an organisation",
    ),
    "accounts:invitation": ("opened an invitation", "answered an invitation"),
    "accounts:invitation_link": "opened the link of an invitation",
    # One's own account
    "accounts:profile": "looked at their own account",
    "accounts:session": "checked how long the session lasts",
    "accounts:session_end": "ended one of their sessions",
    "accounts:person_sign_out": "signed a colleague out everywhere",
    "accounts:sessions_end_others": "ended all their other sessions",
    "accounts:held_submission": (
        "opened text kept from a form that came too late",
        "returned to text kept from a form that came too late",
    ),
    "account_login": "opened the sign-in page",
    "account_logout": "opened the sign-out page",
    "account_inactive": "opened the page for accounts that have ended",
    "account_reauthenticate": ("opened the page to confirm their password", "confirmed their password"),
    "account_change_password": ("opened the form to change their password", "sent a new password"),
    "account_reset_password": ("opened the form for a forgotten password", "asked for a new password"),
    "account_reset_password_done": "opened the page after asking for a new password",
    "account_reset_password_from_key": ("opened the link for a new password", "sent a new password"),
    "account_reset_password_from_key_done": "opened the page after setting a new password",
    "mfa_index": "looked at their second factors",
    "mfa_authenticate": ("opened the page for the second factor", "sent a second factor"),
    "mfa_reauthenticate": (
        "opened the page to confirm with a code who they are",
        "sent a code to confirm who they are",
    ),
    "mfa_activate_totp": ("opened the page to set up an authenticator app", "set up an authenticator app"),
    "mfa_deactivate_totp": ("opened the page to remove an authenticator app", "removed an authenticator app"),
    "mfa_view_recovery_codes": "looked at their recovery codes",
    "mfa_generate_recovery_codes": ("opened the page for new recovery codes", "asked for new recovery codes"),
    "mfa_download_recovery_codes": "downloaded their recovery codes",
    "mfa_list_webauthn": "looked at their passkeys",
    "mfa_add_webauthn": ("opened the page to add a passkey", "added a passkey"),
    "mfa_reauthenticate_webauthn": (
        "opened the page to confirm with a passkey who they are",
        "sent a passkey to confirm who they are",
    ),
    "mfa_remove_webauthn": ("opened the page to remove a passkey", "removed a passkey"),
    "mfa_edit_webauthn": ("opened the page to rename a passkey", "changed the name of a passkey"),
    "mfa_login_webauthn": ("began to sign in with a passkey", "sent a passkey to sign in"),
    # The trail
    "audit:trail_home": "looked at the trail's first page",
    "audit:find_person": ("opened the search for a person's trail", "searched for a person's trail"),
    "audit:patient_trail": "read the trail of this patient",
    "audit:worker_trail": "read the trail of a worker",
    "audit:refusals": "read what was refused",
    "audit:entries": "read the trail",
    "audit:export": ("opened the form to export the trail", "exported the trail"),
}

# Work without an address: commands, tasks, the end of a session.
OTHER_WORK: dict[str, Words] = {
    "trail_export": "exported the trail with a command",
    "create_first_administrator": "set up the first administrator with a command",
    "session limit": "signed out because the session was over",
    "reminders.claim": "took up due reminders",
    "reminders.send": "sent a reminder",
    "reminders.mail": "put an e-mail aside for a person to decide",
    "seed_demo": "told the demonstration's invented stories",
    "demo.story": "told one of the demonstration's invented stories",
}

# What a row is, where the model's name is a builder's word.
THINGS = {
    "cases.patient": "the patient's details",
    "cases.othername": "another name of the patient",
    "cases.relatedperson": "a person close to the patient",
    "cases.visitparticipant": "somebody taking part in a visit",
    "cases.visitoutcome": "the outcome of a visit",
    "cases.contactparticipant": "somebody who was at a contact",
    "cases.contactclinicalnote": "the clinical-only part of a contact",
    "cases.contactsignature": "the signature of a contact",
    "cases.contactaddendum": "an addendum to a contact",
    "cases.contactstrikeout": "the striking out of a contact",
    "cases.contactreview": "a review of police presence",
    "cases.draft": "an unfinished form",
    "cases.patientgroupobjectpermission": "a team's access to the patient",
    "cases.patientuserobjectpermission": "one person's access to the patient",
    "crisis_plans.planversion": "a version of the crisis response plan",
    "crisis_plans.planauthor": "an author of the plan",
    "crisis_plans.planaction": "a supportive action of the plan",
    "crisis_plans.plancall": "somebody to call in the plan",
    "crisis_plans.planservicepart": "a service's part of the plan",
    "crisis_plans.plansignoff": "a step of the plan's sign-off",
    "mfa.authenticator": "a second factor",
    "accounts.user": "somebody's account",
    "accounts.membership": "somebody's role",
    "accounts.secondfactorreset": "the replacement of a lost second factor",
}

RELATIONSHIPS = {
    "case team": "works in the team that supports the patient",
    "supervision": "leads the team that supports the patient",
    "closed case": "worked in the team whose case was closed not long ago",
    "exception": "by an exception made for this person, with a last day",
    "duplicate check": "matched by a check for duplicates; nothing of the record was shown",
}
