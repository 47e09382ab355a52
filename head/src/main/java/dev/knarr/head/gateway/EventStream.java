// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.streams.ReadStream;
import java.nio.charset.StandardCharsets;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A stream of server-sent events on its way to the client. Whole events pass at once; the beginning
 * of one waits for its rest, which no client could read without. So a stream that breaks can end
 * with an event that says so, wherever it broke.
 */
final class EventStream implements ReadStream<Buffer> {

  private static final String BOUNDARY = "\n\n";
  private static final Pattern EVENTS = Pattern.compile(BOUNDARY);
  private static final String DATA = "data:";
  private static final String PROGRESS = "\"prompt_progress\"";
  private static final String TIMINGS = "\"timings\"";
  private static final String USAGE = "\"usage\"";

  /** An event that is longer is passed on as it comes. */
  private static final int MAX_HELD_BYTES = 1 << 20;

  private final ReadStream<Buffer> source;
  private final Observer observer;
  private final Function<Throwable, Future<String>> lastEvent;
  private @Nullable Handler<Buffer> handler;
  private @Nullable Handler<Void> endHandler;
  private @Nullable Handler<Throwable> exceptionHandler;
  private Buffer held = Buffer.buffer();
  private boolean insideEvent;
  private boolean over;
  private String telling = "";

  /** Who is told what passes. */
  interface Observer {
    /** An event with tokens has come. */
    void token();
  }

  /**
   * Takes over a paused stream.
   *
   * @param lastEvent what to end with when it breaks; a failed future breaks it for the client too
   */
  EventStream(
      ReadStream<Buffer> source, Observer observer, Function<Throwable, Future<String>> lastEvent) {
    this.source = source;
    this.observer = observer;
    this.lastEvent = lastEvent;
    source.exceptionHandler(this::broken);
    source.handler(this::received);
    source.endHandler(_ -> ended());
  }

  /** The last event that told of tokens and times. */
  Usage usage() {
    int json = telling.indexOf('{');
    return json < 0
        ? Usage.NONE
        : Usage.parse(telling.substring(json).getBytes(StandardCharsets.ISO_8859_1));
  }

  private void received(Buffer chunk) {
    if (over) {
      return;
    }
    Buffer all = held.length() == 0 ? chunk : held.appendBuffer(chunk);
    String text = all.toString(StandardCharsets.ISO_8859_1);
    int end = text.lastIndexOf(BOUNDARY);
    int whole = end < 0 ? 0 : end + BOUNDARY.length();
    if (whole == 0 && all.length() > MAX_HELD_BYTES) {
      insideEvent = true;
      held = Buffer.buffer();
      pass(all);
      return;
    }
    held = whole == text.length() ? Buffer.buffer() : all.getBuffer(whole, text.length());
    if (whole > 0) {
      insideEvent = false;
      look(text.substring(0, whole));
      pass(whole == text.length() ? all : all.getBuffer(0, whole));
    }
  }

  /** ISO 8859-1 keeps every byte, and what is looked for is ASCII. */
  private void look(String events) {
    for (String event : EVENTS.split(events, -1)) {
      int data = event.indexOf(DATA);
      if (data < 0 || event.startsWith("[DONE]", data + DATA.length() + 1)) {
        continue;
      }
      if (event.contains(TIMINGS) || (event.contains(USAGE) && !telling.contains(TIMINGS))) {
        telling = event.substring(data);
      }
      if (!event.contains(PROGRESS)) {
        observer.token();
      }
    }
  }

  private void ended() {
    if (over) {
      return;
    }
    over = true;
    if (held.length() > 0) {
      pass(held);
    }
    finish();
  }

  private void broken(Throwable cause) {
    if (over) {
      return;
    }
    over = true;
    lastEvent
        .apply(cause)
        .onSuccess(
            event -> {
              pass(Buffer.buffer(insideEvent ? BOUNDARY + event : event));
              finish();
            })
        .onFailure(
            failure -> {
              Handler<Throwable> to = exceptionHandler;
              if (to != null) {
                to.handle(failure);
              }
            });
  }

  private void pass(Buffer buffer) {
    Handler<Buffer> to = handler;
    if (to != null) {
      to.handle(buffer);
    }
  }

  private void finish() {
    Handler<Void> to = endHandler;
    if (to != null) {
      to.handle(null);
    }
  }

  @Override
  public ReadStream<Buffer> exceptionHandler(@Nullable Handler<Throwable> to) {
    exceptionHandler = to;
    return this;
  }

  @Override
  public ReadStream<Buffer> handler(@Nullable Handler<Buffer> to) {
    handler = to;
    return this;
  }

  @Override
  public ReadStream<Buffer> endHandler(@Nullable Handler<Void> to) {
    endHandler = to;
    return this;
  }

  @Override
  public ReadStream<Buffer> pause() {
    source.pause();
    return this;
  }

  @Override
  public ReadStream<Buffer> resume() {
    source.resume();
    return this;
  }

  @Override
  public ReadStream<Buffer> fetch(long amount) {
    source.fetch(amount);
    return this;
  }
}
