// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.worker.device.Device;
import dev.knarr.worker.graph.GraphStore;

/** A device as one client uses it. */
record OfferedDevice(
    Device device, GraphStore graphs, GraphQueue queue, CommunicatorSlot communicator) {}
