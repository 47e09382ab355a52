// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadStatus.LinkStatus;
import dev.knarr.head.api.HeadStatus.SamplingCostStatus;
import dev.knarr.head.api.HeadStatus.SamplingStatus;
import dev.knarr.head.api.HeadStatus.WireStatus;
import dev.knarr.plan.LinkLoad;
import dev.knarr.plan.NetworkPlan;
import dev.knarr.plan.SamplingChoice;
import dev.knarr.plan.WireEstimate;
import java.util.List;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/**
 * What a plan means on the network. Immutable.
 *
 * @param estimate for a sequence that has filled half of its context
 * @param sampling where tokens are chosen
 * @param remarks what was decided about links when the workers were proven
 */
record WirePlan(WireEstimate estimate, SamplingChoice sampling, List<String> remarks) {

  static WirePlan of(NetworkPlan plan, List<WorkerProof> proofs) {
    return new WirePlan(
        plan.wire(),
        plan.sampling(),
        proofs.stream().flatMap(proof -> proof.remark().stream()).toList());
  }

  WireStatus status() {
    return new WireStatus(
        estimate.roundTrips(),
        whole(estimate.latencyMicros()),
        tenths(estimate.tokensPerSecond()),
        estimate.promptBytesPerToken(),
        tenths(estimate.promptTokensPerSecond()),
        estimate.links().stream().map(WirePlan::status).toList(),
        remarks,
        estimate.bottleneck().orElse(null));
  }

  private static LinkStatus status(LinkLoad link) {
    return new LinkStatus(
        link.from(),
        link.to(),
        Math.round(link.bytesPerToken()),
        Math.round(link.promptBytesPerToken()),
        Math.round(link.speed().roundTripMicros()),
        Math.round(link.speed().forthBytesPerSecond()));
  }

  SamplingStatus samplingStatus() {
    return new SamplingStatus(
        sampling.sampling().text(),
        sampling.byUser(),
        sampling.reason(),
        sampling.costs().stream()
            .map(
                cost ->
                    new SamplingCostStatus(
                        cost.sampling().text(),
                        Math.round(cost.micros()),
                        Math.round(cost.headMicros()),
                        cost.bytes(),
                        cost.roundTrips()))
            .toList());
  }

  private static @Nullable Long whole(OptionalDouble value) {
    return value.isPresent() ? Math.round(value.getAsDouble()) : null;
  }

  private static @Nullable Double tenths(OptionalDouble value) {
    return value.isPresent() ? Math.round(value.getAsDouble() * 10) / 10.0 : null;
  }
}
