// The SharedWorker: one hub for all tabs.

import {Hub} from './hub.js';

const hub = new Hub('/events');

addEventListener('connect', ({ports: [port]}) => hub.connect(port));
