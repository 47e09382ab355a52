// SPDX-License-Identifier: Apache-2.0
/**
 * Graphs: {@link dev.knarr.worker.graph.GraphCompiler} checks a graph from the wire and turns it
 * into a {@link dev.knarr.worker.graph.CompiledGraph} that a device can compute any number of
 * times; {@link dev.knarr.worker.graph.GraphStore} keeps those a client may ask for again.
 */
@NullMarked
package dev.knarr.worker.graph;

import org.jspecify.annotations.NullMarked;
