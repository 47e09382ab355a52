// SPDX-License-Identifier: Apache-2.0
/**
 * Connections: {@link dev.knarr.worker.server.RpcServer} accepts clients, one platform thread each,
 * and carries out their commands. All state a client creates belongs to its connection and ends
 * with it.
 */
@NullMarked
package dev.knarr.worker.server;

import org.jspecify.annotations.NullMarked;
