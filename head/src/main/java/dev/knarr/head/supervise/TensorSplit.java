// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.relay.Relay;
import dev.knarr.head.supervise.WorkerProof.DeviceProof;
import dev.knarr.rpc.wire.LinkPlaces;
import java.util.List;

/**
 * What a split of every tensor over two workers needs: two devices that llama.cpp joins by a link,
 * and a place where their workers meet. Pure functions.
 */
final class TensorSplit {
  /** Stock workers' links are so far above their RPC port. */
  private static final int PORTS_ABOVE = 1000;

  /** So many heads and more find a port of their own on one worker. */
  private static final int PORTS = 1000;

  private static final int MOST_PORT = 65_535;

  /** The field of COMM_INIT holds 64 bytes, and a 0 at the end. */
  private static final int MOST_HOST = 63;

  private TensorSplit() {}

  /** Refuses workers that cannot be joined. */
  static void check(HeadConfig config) {
    if (config.split().mode() != HeadConfig.SplitMode.TENSOR) {
      return;
    }
    List<HeadConfig.Worker> workers = config.workers();
    if (workers.size() != 2) {
      throw invalid(
          "split.mode Tensor takes two workers, and there %s %d. Use two, or mode Layer."
              .formatted(workers.size() == 1 ? "is" : "are", workers.size()));
    }
    if (isHere(workers.get(0)) != isHere(workers.get(1))) {
      HeadConfig.Worker here = workers.get(isHere(workers.get(0)) ? 0 : 1);
      throw invalid(
          "split.mode Tensor joins the workers directly, and %s (%s) is named by an address that the other cannot reach. Give it the address of its machine."
              .formatted(here.name(), here.address()));
    }
    for (HeadConfig.Worker worker : workers) {
      if (worker.host().length() > MOST_HOST) {
        throw invalid(
            "split.mode Tensor takes hosts of at most %d characters, and %s has %d. Use its address."
                .formatted(MOST_HOST, worker.host(), worker.host().length()));
      }
    }
  }

  private static boolean isHere(HeadConfig.Worker worker) {
    String host = worker.host();
    return host.startsWith("127.") || host.equals("localhost") || host.equals("::1");
  }

  /** Refuses devices that are not one of each worker. */
  static void checkDevices(List<WorkerProof> workers, List<String> used) {
    boolean oneEach =
        used.size() == 2
            && workers.stream()
                .allMatch(
                    worker ->
                        worker.devices().stream()
                                .map(DeviceProof::name)
                                .filter(used::contains)
                                .count()
                            == 1);
    if (!oneEach) {
      throw invalid(
          "split.mode Tensor takes one device of each of the two workers, and would use %s. Name one of each in spec.split.devices, or start the workers with one --device."
              .formatted(String.join(", ", used)));
    }
  }

  /** Tells two relays where their workers meet. */
  static void introduce(List<HeadConfig.Worker> workers, List<Relay> relays) {
    int first = linkPort(workers.get(0), relays.get(0));
    int second = linkPort(workers.get(1), relays.get(1));
    relays.get(0).meetAt(new LinkPlaces(first, workers.get(1).host(), second));
    relays.get(1).meetAt(new LinkPlaces(second, workers.get(0).host(), first));
  }

  /**
   * A port in a range that a firewall can be told, and as good as certainly not that of another
   * head: loopback ports of relays are the kernel's choice.
   */
  private static int linkPort(HeadConfig.Worker worker, Relay relay) {
    int above = worker.port() + PORTS_ABOVE + relay.port() % PORTS;
    return above <= MOST_PORT ? above : worker.port() - PORTS_ABOVE - relay.port() % PORTS;
  }

  private static HeadException invalid(String sentence) {
    return new HeadException(HeadReason.CONFIG_INVALID, sentence);
  }
}
