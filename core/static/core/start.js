/*! Contains NHS.UK frontend, Copyright (c) 2019 NHS.UK, MIT licence: see NOTICES.md */
(()=>{document.body.classList.add("js-enabled","nhsuk-frontend-supported");})();
