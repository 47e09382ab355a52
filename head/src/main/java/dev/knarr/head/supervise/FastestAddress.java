// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadReason;
import dev.knarr.plan.ByteSize;
import dev.knarr.plan.LinkSpeed;
import dev.knarr.rpc.ProtocolVersion;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Proves a worker at each of its addresses and takes the fastest: a machine with two networks has
 * one for each. One thread.
 */
final class FastestAddress {

  private static final Logger LOG = LoggerFactory.getLogger(Supervisor.class);

  /** What is compared: about an activation and the logits of a small vocabulary. */
  private static final double TYPICAL_BYTES = 128 << 10;

  /** Another address than the first has to be that much faster: less is noise. */
  private static final double CLEARLY = 0.9;

  private final HeadConfig.Worker worker;
  private final Function<HeadConfig.Worker, WorkerProver> prover;

  FastestAddress(HeadConfig.Worker worker, Function<HeadConfig.Worker, WorkerProver> prover) {
    this.worker = worker;
    this.prover = prover;
  }

  /**
   * Tries each address once.
   *
   * @throws IOException when it answers at none
   * @throws HeadException when it cannot be used, or two addresses are those of two workers
   */
  WorkerProof prove(Duration limit, Consumer<String> onSilence) throws IOException {
    List<HeadConfig.Worker> ways = worker.ways();
    if (ways.size() == 1) {
      return prover.apply(worker).prove(limit, onSilence);
    }
    List<WorkerProof> proofs = new ArrayList<>();
    List<String> failures = new ArrayList<>();
    for (HeadConfig.Worker way : ways) {
      try {
        proofs.add(prover.apply(way).prove(limit, onSilence));
      } catch (IOException e) {
        failures.add(way.address() + ": " + e.getMessage());
      }
    }
    if (proofs.isEmpty()) {
      throw new IOException(String.join("; ", failures));
    }
    WorkerProof best = best(proofs);
    String remark = sentence(best, proofs, failures);
    LOG.info("{}", remark);
    return best.because(remark);
  }

  private WorkerProof best(List<WorkerProof> proofs) {
    WorkerProof best = proofs.getFirst();
    for (WorkerProof other : proofs) {
      if (!identity(other).equals(identity(best))) {
        throw new HeadException(
            HeadReason.WORKER_UNSUITABLE,
            "Worker %s cannot be used: %s and %s are not the same worker, their devices differ. Name addresses of one worker only."
                .formatted(worker.name(), best.address(), other.address()));
      }
      if (micros(other.link()) < micros(best.link()) * CLEARLY) {
        best = other;
      }
    }
    return best;
  }

  private record Identity(ProtocolVersion version, List<Long> totalBytes) {}

  /** What does not change between two looks at one worker. */
  private static Identity identity(WorkerProof proof) {
    return new Identity(
        proof.version(),
        proof.devices().stream().map(WorkerProof.DeviceProof::totalBytes).toList());
  }

  private static double micros(LinkSpeed link) {
    return link.measured()
        ? link.roundTripMicros()
            + TYPICAL_BYTES / link.forthBytesPerSecond() * 1e6
            + TYPICAL_BYTES / link.backBytesPerSecond() * 1e6
        : Double.MAX_VALUE;
  }

  private static String sentence(
      WorkerProof best, List<WorkerProof> proofs, List<String> failures) {
    String others =
        proofs.stream()
            .filter(proof -> !proof.address().equals(best.address()))
            .map(FastestAddress::figures)
            .collect(Collectors.joining("; "));
    return "Worker "
        + best.worker()
        + " is reached at "
        + figures(best)
        + (others.isEmpty() ? "" : ". Slower, or not clearly faster: " + others)
        + (failures.isEmpty() ? "" : ". No answer at " + String.join("; ", failures))
        + ".";
  }

  private static String figures(WorkerProof proof) {
    return String.format(
        Locale.ROOT,
        "%s (round trip %.2f ms, %s there and %s back)",
        proof.address(),
        proof.link().roundTripMicros() / 1000,
        ByteSize.formatRate(proof.link().forthBytesPerSecond()),
        ByteSize.formatRate(proof.link().backBytesPerSecond()));
  }
}
