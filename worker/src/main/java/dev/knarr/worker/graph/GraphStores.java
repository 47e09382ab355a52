// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.graph;

import dev.knarr.worker.device.Device;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;

/** What the graph stores of all connections share. Any thread. */
public final class GraphStores {
  private final GraphArchive archive;
  private final Map<Device, NativeGraphs> natives;
  private final GraphEvents events;

  /**
   * Stores for the graphs of {@code devices}.
   *
   * @param limits of all stores together
   */
  public GraphStores(List<Device> devices, Limits limits, GraphEvents events) {
    var compiler = new GraphCompiler(limits.computing);
    this.archive = new GraphArchive(limits.archiveBytes, events);
    this.events = events;
    this.natives =
        devices.stream()
            .collect(
                Collectors.toUnmodifiableMap(
                    Function.identity(),
                    device -> new NativeGraphs(device, compiler, limits.nativeBytes, events)));
  }

  /**
   * How much memory and time graphs may take.
   *
   * @param archiveBytes of the worker, for the compact forms of all graphs that may be named again;
   *     beyond it a client is refused
   * @param nativeBytes of each device, for native graphs that nobody is computing; beyond it some
   *     are closed, to be rebuilt when they are asked for
   * @param computing how long one graph may be computed; what would take longer by far is refused
   */
  public record Limits(long archiveBytes, long nativeBytes, Duration computing) {}

  /** A new store for one connection's graphs on one device. */
  public GraphStore open(Device device) {
    return new GraphStore(Objects.requireNonNull(natives.get(device)), archive, events);
  }

  /** The most bytes of contents that one router may have: others are to have room for theirs. */
  public long bytesOfARouter() {
    return archive.limitBytes() / 4;
  }

  /**
   * Room for the graphs that a router names on one connection.
   *
   * @param limitBytes the most bytes of their contents
   */
  public RouteGraphs openForRouter(long limitBytes) {
    return new RouteGraphs(archive, natives, events, limitBytes);
  }
}
