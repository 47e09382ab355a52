// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.head.gateway.Route.Dialect;
import dev.knarr.head.gateway.Route.Operation;
import io.vertx.core.Future;
import io.vertx.core.Handler;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.streams.ReadStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GatewayPartsTest {

  /** A stream whose source says what it is told to say. */
  private static final class ScriptedStream implements ReadStream<Buffer> {
    private @Nullable Handler<Buffer> handler;
    private @Nullable Handler<Void> end;
    private @Nullable Handler<Throwable> exception;

    private void say(String text) {
      if (handler != null) {
        handler.handle(Buffer.buffer(text));
      }
    }

    private void finish() {
      if (end != null) {
        end.handle(null);
      }
    }

    private void breakOff() {
      if (exception != null) {
        exception.handle(new IllegalStateException("broken"));
      }
    }

    @Override
    public ReadStream<Buffer> exceptionHandler(@Nullable Handler<Throwable> to) {
      exception = to;
      return this;
    }

    @Override
    public ReadStream<Buffer> handler(@Nullable Handler<Buffer> to) {
      handler = to;
      return this;
    }

    @Override
    public ReadStream<Buffer> endHandler(@Nullable Handler<Void> to) {
      end = to;
      return this;
    }

    @Override
    public ReadStream<Buffer> pause() {
      return this;
    }

    @Override
    public ReadStream<Buffer> resume() {
      return this;
    }

    @Override
    public ReadStream<Buffer> fetch(long amount) {
      return this;
    }
  }

  @Nested
  class GivenAStreamOfEvents {

    private final ScriptedStream source = new ScriptedStream();
    private final StringBuilder heard = new StringBuilder();
    private int tokens;
    private boolean ended;
    private final EventStream stream =
        new EventStream(
            source, () -> tokens++, _ -> Future.succeededFuture("data: {\"error\":1}\n\n"));

    GivenAStreamOfEvents() {
      stream.handler(buffer -> heard.append(buffer.toString()));
      stream.endHandler(_ -> ended = true);
    }

    @Test
    void whenAnEventComesInPieces_thenItPassesOnceItIsWhole() {
      source.say("data: {\"a\":1}\n");
      assertThat(heard).isEmpty();

      source.say("\ndata: {\"pro");
      assertThat(heard).hasToString("data: {\"a\":1}\n\n");

      source.say("mpt\":2}\n\ndata: [DONE]\n\n");
      source.finish();
      assertThat(heard).hasToString("data: {\"a\":1}\n\ndata: {\"prompt\":2}\n\ndata: [DONE]\n\n");
      assertThat(tokens).isEqualTo(2);
      assertThat(ended).isTrue();
    }

    @Test
    void whenItBreaksInsideAnEvent_thenItEndsWithAWholeOne() {
      source.say("data: {\"a\":1}\n\ndata: {\"b");

      source.breakOff();

      assertThat(heard).hasToString("data: {\"a\":1}\n\ndata: {\"error\":1}\n\n");
      assertThat(ended).isTrue();
    }

    @Test
    void whenAnEventIsLargerThanWhatIsHeld_thenItPassesInPieces() {
      String large = "data: " + "a".repeat(1 << 20);
      source.say(large);
      assertThat(heard).hasToString(large);

      source.breakOff();

      assertThat(heard).hasToString(large + "\n\ndata: {\"error\":1}\n\n");
    }

    @Test
    void whenNothingIsToldOfTokens_thenCommentsAndProgressAreNone() {
      source.say(": ping\n\ndata: {\"prompt_progress\":{}}\n\ndata: {\"content\":\"é\"}\n\n");
      source.say("data: {\"timings\":{\"prompt_n\":3,\"cache_n\":2,\"predicted_n\":7}}\n\n");
      source.say("data: {\"usage\":{\"completion_tokens\":1}}\n\ndata: [DONE]\n\n");

      assertThat(tokens).isEqualTo(3);
      assertThat(stream.usage()).isEqualTo(new Usage(5, 7, Duration.ZERO));
      assertThat(heard).contains("é");
    }
  }

  @Nested
  class GivenAnswers {

    @Test
    void whenTheyTellOfTokens_thenTheseAreRead() {
      assertThat(
              usage(
                  "{\"content\":\"a\",\"tokens\":[1,2],\"timings\":{\"prompt_n\":1,\"predicted_n\":2,\"predicted_ms\":1.5}}"))
          .isEqualTo(new Usage(1, 2, Duration.ofNanos(1_500_000)));
      assertThat(usage("{\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":5}}"))
          .isEqualTo(new Usage(4, 5, Duration.ZERO));
      assertThat(usage("{\"response\":{\"usage\":{\"input_tokens\":6,\"output_tokens\":7}}}"))
          .isEqualTo(new Usage(6, 7, Duration.ZERO));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "{", "{\"usage\":3}", "{\"timings\":", "null"})
    void whenTheyDoNot_thenNothingIsMadeUp(String json) {
      assertThat(usage(json)).isEqualTo(Usage.NONE);
    }

    private static Usage usage(String json) {
      return Usage.parse(json.getBytes(StandardCharsets.UTF_8));
    }
  }

  @Nested
  class GivenPaths {

    @Test
    void whenTheyOnlyCompute_thenTheyMayBeRunAgain() {
      assertThat(Route.of(HttpMethod.POST, "/v1/chat/completions"))
          .isEqualTo(new Route(Operation.CHAT, true, Dialect.OPENAI));
      assertThat(Route.of(HttpMethod.POST, "/v1/messages").dialect()).isEqualTo(Dialect.ANTHROPIC);
      assertThat(Route.of(HttpMethod.POST, "/completion").repeatable()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(
        strings = {
          "/props",
          "/lora-adapters",
          "/slots/0",
          "/models/load",
          "/v1/chat/completions/control",
          "/tools",
          "/v1/../props",
          "/v1"
        })
    void whenTheyMayChangeSomething_thenTheyAreNot(String path) {
      assertThat(Route.of(HttpMethod.POST, path).repeatable()).isFalse();
    }
  }

  @Nested
  class GivenAStreamThatIsCut {

    @Test
    void whenItsInterfaceHasAnEventForErrors_thenThatIsUsed() {
      assertThat(Dialect.OPENAI.error("gone"))
          .isEqualTo(
              "data: {\"error\":{\"message\":\"gone\",\"type\":\"unavailable_error\",\"code\":503}}\n\n");
      assertThat(Dialect.ANTHROPIC.error("gone"))
          .isEqualTo(
              "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"gone\"}}\n\n");
      assertThat(Dialect.RESPONSES.error("gone"))
          .isEqualTo(
              "event: error\ndata: {\"type\":\"error\",\"code\":\"unavailable_error\",\"message\":\"gone\"}\n\n");
    }
  }
}
