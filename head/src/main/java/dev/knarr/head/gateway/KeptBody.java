// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.Promise;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.streams.ReadStream;
import org.jspecify.annotations.Nullable;

/**
 * Reads a body to keep it, as far as there is room. What does not fit goes on as a stream: nobody
 * is refused for it.
 */
final class KeptBody {

  /** Several images in base64, or a context of 128 k tokens some ten times. */
  static final long MAX_BYTES = 8L << 20;

  private final ReadStream<Buffer> source;
  private final ByteBudget budget;
  private final Buffer read = Buffer.buffer();
  private final Promise<KeptBody> promise = Promise.promise();
  private boolean whole;
  private long takenBytes;

  private KeptBody(ReadStream<Buffer> source, ByteBudget budget) {
    this.source = source;
    this.budget = budget;
  }

  /** Reads a paused stream; completes when all is there, or when there is no room for more. */
  static Future<KeptBody> read(ReadStream<Buffer> source, ByteBudget budget) {
    KeptBody body = new KeptBody(source, budget);
    source.exceptionHandler(
        failure -> {
          body.giveBack();
          body.promise.tryFail(failure);
        });
    source.endHandler(
        _ -> {
          body.whole = true;
          body.promise.tryComplete(body);
        });
    source.handler(body::received);
    source.resume();
    return body.promise.future();
  }

  private void received(Buffer chunk) {
    read.appendBuffer(chunk);
    if (read.length() > MAX_BYTES || !budget.take(chunk.length())) {
      source.pause();
      promise.tryComplete(this);
      return;
    }
    takenBytes += chunk.length();
  }

  /** Whether all of it is here, so that it can be sent more than once. */
  boolean isWhole() {
    return whole;
  }

  /** All of it, if it {@link #isWhole}. */
  Buffer bytes() {
    return read;
  }

  /** All of it, once: what has been read and then the rest. */
  ReadStream<Buffer> stream() {
    return new Rest();
  }

  void giveBack() {
    budget.giveBack(takenBytes);
    takenBytes = 0;
  }

  private final class Rest implements ReadStream<Buffer> {

    private @Nullable Handler<Buffer> handler;
    private boolean begun;

    @Override
    public ReadStream<Buffer> handler(@Nullable Handler<Buffer> to) {
      handler = to;
      source.handler(to);
      return this;
    }

    @Override
    public ReadStream<Buffer> resume() {
      return fetch(Long.MAX_VALUE);
    }

    @Override
    public ReadStream<Buffer> fetch(long amount) {
      Handler<Buffer> to = handler;
      if (!begun && to != null) {
        begun = true;
        to.handle(read);
        giveBack();
      }
      source.fetch(amount);
      return this;
    }

    @Override
    public ReadStream<Buffer> pause() {
      source.pause();
      return this;
    }

    @Override
    public ReadStream<Buffer> endHandler(@Nullable Handler<Void> to) {
      source.endHandler(to);
      return this;
    }

    @Override
    public ReadStream<Buffer> exceptionHandler(@Nullable Handler<Throwable> to) {
      source.exceptionHandler(to);
      return this;
    }
  }
}
