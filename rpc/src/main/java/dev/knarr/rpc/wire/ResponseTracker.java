// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.RpcProtocolException;
import java.util.concurrent.ArrayBlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * The answers that are still to come on a connection, oldest first: what the two directions of a
 * connection have to tell each other, since a response names no command. Bounded; one thread per
 * direction.
 */
public final class ResponseTracker {
  private final ArrayBlockingQueue<Expected> expected;

  /** A tracker with room for as many answers as the limits allow. */
  public ResponseTracker(WireLimits limits) {
    this.expected = new ArrayBlockingQueue<>(limits.maxOutstandingResponses());
  }

  /**
   * An answer to come.
   *
   * @param command that it answers
   * @param bytes payload bytes that it must have
   */
  public record Expected(RpcCommand command, long bytes) {}

  /**
   * Notes a request; one-way requests are not noted. Call it before the request can be answered.
   *
   * @param bytes payload bytes of the answer, negative for one-way requests
   * @throws RpcProtocolException BUDGET_EXCEEDED when too many answers are outstanding
   */
  public void expect(RpcCommand command, long bytes) {
    if (bytes >= 0 && !expected.offer(new Expected(command, bytes))) {
      throw new RpcProtocolException(
          ProtocolFault.BUDGET_EXCEEDED,
          "More than %d requests without an answer; stock clients have one"
              .formatted(expected.size()));
    }
  }

  /** Takes the oldest, or null when nobody waits for an answer. */
  public @Nullable Expected poll() {
    return expected.poll();
  }

  /** The oldest, or null. */
  public @Nullable Expected peek() {
    return expected.peek();
  }

  /** How many answers are to come. */
  public int size() {
    return expected.size();
  }
}
