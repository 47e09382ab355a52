// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import java.time.Instant;

/**
 * What one connected client has had of the worker, for those who look after it. Immutable.
 *
 * @param id number of the connection, as in the log
 * @param peer address and port of the client
 * @param since when it connected
 * @param buffers how many it holds now
 * @param bufferBytes how large they are together
 * @param graphs how many graphs were computed for it
 * @param deviceSeconds how long devices computed for it
 * @param share of the device time of all clients that are connected now, 0 to 1
 */
public record ConnectionReport(
    int id,
    String peer,
    Instant since,
    int buffers,
    long bufferBytes,
    long graphs,
    double deviceSeconds,
    double share) {}
