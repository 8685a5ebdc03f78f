/*! Contains NHS.UK frontend, Copyright (c) NHS Digital and NHS England, MIT licence: see NOTICES.md */
(()=>{})();
