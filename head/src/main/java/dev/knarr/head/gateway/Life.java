// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import dev.knarr.head.api.HeadReason;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.Optional;

/**
 * One llama-server from the moment it serves until the supervisor says why it does not any more.
 */
final class Life {

  private final Upstream upstream;
  private final Promise<End> end = Promise.promise();

  /**
   * Why it ended.
   *
   * @param reason as in {@code /status}
   * @param sentence for people, with a full stop
   */
  record End(HeadReason reason, String sentence) {}

  Life(Upstream upstream) {
    this.upstream = upstream;
  }

  Upstream upstream() {
    return upstream;
  }

  void ended(End why) {
    end.tryComplete(why);
  }

  /**
   * Why it ended, as soon as that is known: a connection breaks a moment before the supervisor
   * knows why.
   *
   * @param limit after which it is taken for alive, and the answer is empty
   */
  Future<Optional<End>> end(Vertx vertx, Duration limit) {
    Promise<Optional<End>> answer = Promise.promise();
    long timer = vertx.setTimer(limit.toMillis(), _ -> answer.tryComplete(Optional.empty()));
    end.future()
        .onSuccess(
            why -> {
              vertx.cancelTimer(timer);
              answer.tryComplete(Optional.of(why));
            });
    return answer.future();
  }
}
