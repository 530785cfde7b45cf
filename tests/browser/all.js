// Every test of the page.

import './test_start.js';
import './test_exercises.js';
import './test_further.js';
import './test_guide.js';
import './test_knobs.js';
import './test_replay.js';
import './test_editor.js';
import './test_control.js';
import './test_class.js';
import './test_judge.js';
import './test_feed.js';
import './test_picture.js';
import './test_awaited.js';
import './test_tasks.js';
import './test_panels.js';
import './test_docs.js';
import './test_access.js';
import './test_load.js';
import './test_lighthouse.js';

export {tests, world} from './suite.js';
