// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import dev.knarr.cli.local.LocalPrograms.StartedWorker;
import dev.knarr.rpc.transport.Transport;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A side of the comparison that answers. Immutable.
 *
 * @param name how it is called in the result
 * @param workers in the order of the command line; empty for {@code local}
 * @param devicesOfWorkers how many devices each offers
 * @param way how llama-bench reaches them
 * @param transport what lies between the protocol and the workers
 * @param entrance in front of the workers
 */
record Endpoint(
    String name,
    List<Worker> workers,
    List<Integer> devicesOfWorkers,
    EndpointSpec.Way way,
    Transport transport,
    Entrance entrance) {
  /**
   * One worker of it.
   *
   * @param address {@code host:port}
   * @param cpu its processor time
   * @param started where this command has started it
   */
  record Worker(String address, CpuClock cpu, List<StartedWorker> started) {}

  /** How many devices the workers offer in all; 0 for {@code local}. */
  int devices() {
    return devicesOfWorkers.stream().mapToInt(Integer::intValue).sum();
  }

  boolean isLocal() {
    return workers.isEmpty();
  }

  /** Of the workers themselves. */
  List<String> addresses() {
    return workers.stream().map(Worker::address).toList();
  }

  /** What llama-bench is to connect to. */
  List<String> entrances() {
    return entrance.addresses().isEmpty() ? addresses() : entrance.addresses();
  }

  /**
   * What tells llama-bench where to compute: with everything on the devices of these addresses, or
   * on this machine's.
   *
   * @param addresses those of the workers, or of what is in front of them
   * @param localDevices of this machine, for {@code local}
   */
  List<String> placement(List<String> addresses, List<String> localDevices) {
    if (isLocal()) {
      var names = localDevices.stream().filter(device -> !device.equals("CPU")).toList();
      return List.of("-dev", names.isEmpty() ? "none" : String.join("/", names));
    }
    var names =
        IntStream.range(0, devices()).mapToObj(i -> "RPC" + i).collect(Collectors.joining("/"));
    return List.of("--rpc", String.join(",", addresses), "-dev", names);
  }

  /** Those of its workers that this command has started and that have ended since. */
  Stream<StartedWorker> dead() {
    return workers.stream()
        .flatMap(worker -> worker.started().stream())
        .filter(worker -> !worker.isAlive());
  }
}
