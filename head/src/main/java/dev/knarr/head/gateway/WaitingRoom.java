// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.gateway.Refusal.Why;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Where requests wait until a llama-server serves. */
final class WaitingRoom {

  private final Vertx vertx;
  private final int places;
  private final Duration patience;
  private final Supplier<HeadStatus> status;
  private final Set<Promise<Life>> waiting = new LinkedHashSet<>();
  private @Nullable Life life;
  private boolean draining;

  WaitingRoom(Vertx vertx, int places, Duration patience, Supplier<HeadStatus> status) {
    this.vertx = vertx;
    this.places = places;
    this.patience = patience;
    this.status = status;
  }

  int size() {
    return waiting.size();
  }

  boolean isServed() {
    return life != null;
  }

  boolean isDraining() {
    return draining;
  }

  /**
   * Returns the llama-server to ask, as soon as there is one.
   *
   * @param mayWait false for what is told at once that there is none
   * @param departure completes when the client is gone, so that its place is free
   * @return fails with a {@link Refusal}, or when the client is gone
   */
  Future<Life> enter(boolean mayWait, Future<Void> departure) {
    Life now = life;
    if (draining) {
      return refused(Why.DRAINING, "The head is about to end.");
    }
    if (now != null) {
      return Future.succeededFuture(now);
    }
    HeadStatus known = status.get();
    if (!mayWait) {
      return refused(Why.NOT_READY, "Loading model");
    }
    if (known.phase() == HeadPhase.FAILED) {
      return refused(Why.FAILED, known.message());
    }
    if (waiting.size() >= places) {
      return refused(
          Why.FULL,
          "%d requests wait already (http.waitingRequests). %s"
              .formatted(waiting.size(), known.message()));
    }
    Promise<Life> place = Promise.promise();
    waiting.add(place);
    departure.onSuccess(_ -> place.tryFail("The client is gone"));
    long timer = vertx.setTimer(patience.toMillis(), _ -> inVain(place));
    return place
        .future()
        .onComplete(
            _ -> {
              vertx.cancelTimer(timer);
              waiting.remove(place);
            });
  }

  private void inVain(Promise<Life> place) {
    place.tryFail(
        new Refusal(
            Why.WAITED_IN_VAIN,
            "Waited for %d s (http.waitSeconds). %s"
                .formatted(patience.toSeconds(), status.get().message())));
  }

  void up(Life next) {
    life = next;
    all().forEach(place -> place.tryComplete(next));
  }

  void down() {
    life = null;
  }

  void drain() {
    draining = true;
    refuse(Why.DRAINING, "The head is about to end.");
  }

  /** Tells all who wait that it is in vain. */
  void refuse(Why why, String sentence) {
    all().forEach(place -> place.tryFail(new Refusal(why, sentence)));
  }

  private List<Promise<Life>> all() {
    return new ArrayList<>(waiting);
  }

  private static <T> Future<T> refused(Why why, String sentence) {
    return Future.failedFuture(new Refusal(why, sentence));
  }
}
