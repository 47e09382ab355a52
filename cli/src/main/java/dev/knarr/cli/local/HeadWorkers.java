// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.local;

import dev.knarr.head.api.HeadConfig;
import java.util.ArrayList;
import java.util.List;

/** Gives workers that already run the names of the replicas they stand for. */
final class HeadWorkers {
  private HeadWorkers() {}

  /**
   * The i-th address takes the place of the i-th replica in file order; commas divide several
   * addresses of one worker.
   *
   * @throws OptionException where there are more or fewer addresses than replicas, or one is none
   */
  static List<HeadConfig.Worker> of(LocalSpec spec, List<String> addresses) {
    int given = addresses.size();
    int wanted = spec.workers().size();
    if (given != wanted) {
      throw new OptionException(
          "%d --worker %s given, but the cluster has %d worker%s (%s): give one address for each, in this order."
              .formatted(
                  given,
                  given == 1 ? "address is" : "addresses are",
                  wanted,
                  wanted == 1 ? "" : "s",
                  String.join(
                      ", ", spec.workers().stream().map(LocalSpec.WorkerSpec::name).toList())));
    }
    var workers = new ArrayList<HeadConfig.Worker>();
    for (int i = 0; i < given; i++) {
      try {
        var ways = List.of(addresses.get(i).split(",", -1));
        workers.add(
            new HeadConfig.Worker(
                spec.workers().get(i).name(), ways.getFirst(), ways.subList(1, ways.size())));
      } catch (IllegalArgumentException e) {
        throw new OptionException("--worker: " + e.getMessage() + ".");
      }
    }
    return workers;
  }
}
