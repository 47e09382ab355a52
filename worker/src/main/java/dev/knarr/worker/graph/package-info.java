// SPDX-License-Identifier: Apache-2.0
/**
 * Graphs: {@link dev.knarr.worker.graph.GraphCompiler} checks a graph from the wire and turns it
 * into a {@link dev.knarr.worker.graph.CompiledGraph} that a device can compute any number of
 * times. A {@link dev.knarr.worker.graph.GraphStore} answers for the graphs that a client may name
 * again: each is kept in compact form, once for all clients, and has a native graph as long as
 * there is room.
 */
@NullMarked
package dev.knarr.worker.graph;

import org.jspecify.annotations.NullMarked;
