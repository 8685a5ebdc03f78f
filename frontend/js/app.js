// Everything here makes a page kinder; nothing here is needed for it to work.
import { startBreakGlass } from "./break_glass.js";
import { startComponents } from "./components.js";
import { startDrafts } from "./drafts.js";
import { startForms } from "./forms.js";
import { startPasskeys } from "./passkeys.js";
import { startSession } from "./session.js";

startBreakGlass();
startComponents();
startDrafts();
startForms();
startPasskeys();
startSession();
