// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.operator.Scene;
import dev.knarr.operator.observe.StatusPoller.Beat;
import dev.knarr.operator.observe.StatusPoller.Role;
import dev.knarr.operator.observe.StatusPoller.Target;
import io.javaoperatorsdk.operator.processing.event.ResourceID;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class StatusPollerTest {
  private static final ResourceID CLUSTER = new ResourceID("glm", "models");
  private static final String CLUSTER_UID = Scene.empty().cluster.getMetadata().getUid();
  private static final Beat FAST =
      new Beat(
          Duration.ofMillis(20),
          Duration.ofMillis(20),
          Duration.ofMillis(20),
          Duration.ofSeconds(1));

  private final AtomicInteger news = new AtomicInteger();
  private final SetClock clock = new SetClock();
  private ScriptedPod pod;
  private StatusPoller poller;
  private Target head;

  @BeforeEach
  void start() throws IOException {
    pod = ScriptedPod.at("127.0.0.1", 0, ScriptedPod.json(Scene.readyHead()));
    poller = new StatusPoller(pod.port(), FAST, clock);
    poller.setEventHandler(_ -> news.incrementAndGet());
    poller.start();
    head = new Target(CLUSTER_UID, "uid-of-glm-head-7d9f", "glm-head-7d9f", "127.0.0.1", Role.HEAD);
  }

  @AfterEach
  void stop() throws IOException {
    poller.stop();
    pod.close();
  }

  private void follow() {
    poller.follow(CLUSTER, List.of(head));
  }

  private void awaitQuestions(int more) {
    int until = pod.asked() + more;
    await("the pod to be asked").until(() -> pod.asked() >= until);
  }

  private Answer awaitAnswer() {
    await("an answer").until(() -> poller.answer(CLUSTER, head).isPresent());
    return poller.answer(CLUSTER, head).orElseThrow();
  }

  private String awaitSilence() {
    var silence = new AtomicReference<String>();
    await("silence")
        .until(
            () -> {
              if (poller.answer(CLUSTER, head).orElse(null) instanceof Answer.Silence silent) {
                silence.set(silent.sentence());
              }
              return silence.get() != null;
            });
    return silence.get();
  }

  @Nested
  class GivenAHeadThatAnswers {
    @Test
    void whenItIsFollowed_thenItsAnswerIsKnown() {
      follow();

      assertThat(awaitAnswer())
          .isInstanceOfSatisfying(
              Answer.OfHead.class, answer -> assertThat(answer.head().ready()).isTrue());
    }

    @Test
    void whenItSaysTheSameAgain_thenThatIsNoNews() {
      follow();
      awaitAnswer();
      awaitQuestions(5);

      assertThat(news).hasValue(1);
    }

    @Test
    void whenAWorkerIsLost_thenThatIsNews() {
      follow();
      awaitAnswer();

      pod.script(
          ScriptedPod.json(
              Scene.head(
                  "WaitingForWorkers", "WorkerLost", "Lost.", Scene.lost("a100-1", "Gone."))));

      await("the news").until(() -> news.get() == 2);
    }

    @Test
    void whenLlamaServerIsStartedAgain_thenThatIsCountedOnce() {
      follow();
      awaitAnswer();
      assertThat(poller.newRestarts(CLUSTER, head)).isZero();

      pod.script(ScriptedPod.json(Scene.readyHead().replace("\"restarts\": 0", "\"restarts\": 2")));
      await("the news").until(() -> news.get() == 2);

      assertThat(poller.newRestarts(CLUSTER, head)).isEqualTo(2);
      assertThat(poller.newRestarts(CLUSTER, head)).isZero();
    }

    @Test
    void whenItIsNoLongerFollowed_thenItIsNotAskedAgain() {
      follow();
      awaitAnswer();

      poller.follow(CLUSTER, List.of());
      int asked = pod.asked();

      // A question may have been on its way; after that there is none.
      await("quiet").during(Duration.ofMillis(200)).until(() -> pod.asked() <= asked + 1);
      assertThat(poller.answer(CLUSTER, head)).isEmpty();
    }

    @Test
    void whenOnlyTheRatesChange_thenTheyAreNewsOnceAMinute() {
      follow();
      awaitAnswer();

      pod.script(ScriptedPod.json(Scene.readyHead().replace("19", "23.4")));
      awaitQuestions(3);
      assertThat(news).hasValue(1);
      clock.now = clock.now.plus(Duration.ofSeconds(61));

      await("the new rates").until(() -> news.get() == 2);
      assertThat(poller.answer(CLUSTER, head))
          .hasValueSatisfying(
              answer ->
                  assertThat(((Answer.OfHead) answer).head().tokensPerSecond().generation())
                      .isEqualTo(23));
    }

    @Test
    void whenOneAnswerDoesNotCome_thenTheLastOneHolds() {
      follow();
      awaitAnswer();

      var failures = new AtomicInteger();
      pod.script(
          out -> {
            if (failures.incrementAndGet() > 1) {
              ScriptedPod.json(Scene.readyHead()).answer(out);
            }
          });
      await("the failure").until(() -> failures.get() > 3);

      assertThat(poller.answer(CLUSTER, head).orElseThrow()).isInstanceOf(Answer.OfHead.class);
      assertThat(news).hasValue(1);
    }

    @Test
    void whenItFreezes_thenItIsNamed() {
      follow();
      awaitAnswer();

      pod.script(_ -> Thread.sleep(Duration.ofMinutes(10)));

      assertThat(awaitSilence())
          .isEqualTo(
              "The head in pod glm-head-7d9f at 127.0.0.1 is not to be reached: it does not answer within 1 s.");
    }
  }

  @Nested
  class GivenSomethingElseThatAnswers {
    @Test
    void whenItIsAnotherPod_thenItsAnswerDoesNotCount() {
      pod.script(
          ScriptedPod.json(Scene.readyHead().replace("uid-of-glm-head-7d9f", "uid-of-another")));
      follow();

      assertThat(awaitSilence()).contains("what answers there belongs to another pod or cluster");
    }

    @Test
    void whenItIsTheHeadOfAnotherCluster_thenItsAnswerDoesNotCount() {
      pod.script(ScriptedPod.json(Scene.readyHead().replace(CLUSTER_UID, "another")));
      follow();

      assertThat(awaitSilence()).contains("what answers there belongs to another pod or cluster");
    }

    @Test
    void whenItSaysNotWhoItIs_thenItsAnswerDoesNotCount() {
      pod.script(ScriptedPod.json("{\"phase\":\"Ready\"}"));
      follow();

      assertThat(awaitSilence()).contains("what answers there belongs to another pod or cluster");
    }

    @Test
    void whenTheAnswerIsNoStatus_thenThatIsSaid() {
      pod.script(ScriptedPod.json("[\"<html>\"]"));
      follow();

      assertThat(awaitSilence()).contains("its answer is not a status");
    }

    @Test
    void whenTheAnswerIsNested_thenThatIsSaid() {
      pod.script(ScriptedPod.json("{\"workers\":" + "[".repeat(100_000)));
      follow();

      assertThat(awaitSilence()).contains("its answer is not a status");
    }

    @Test
    void whenTheAnswerIsHuge_thenItIsNotReadToItsEnd() {
      pod.script(
          out -> {
            ScriptedPod.head(out, "200 OK", 1L << 40);
            var chunk = new byte[1 << 16];
            while (true) {
              out.write(chunk);
            }
          });
      follow();

      assertThat(awaitSilence()).contains("its answer has more than 1048576 bytes");
    }

    @Test
    void whenTheAnswerTrickles_thenItIsGivenUp() {
      pod.script(
          out -> {
            ScriptedPod.head(out, "200 OK", 1000);
            while (true) {
              out.write(' ');
              out.flush();
              Thread.sleep(10);
            }
          });
      follow();

      assertThat(awaitSilence()).contains("it does not answer within 1 s");
    }

    @Test
    void whenItAnswersWithAnError_thenThatIsSaid() {
      pod.script(out -> ScriptedPod.head(out, "503 Service Unavailable", 0));
      follow();

      assertThat(awaitSilence()).contains("it answers with HTTP status 503");
    }

    @Test
    void whenItSendsElsewhere_thenNobodyGoesThere() {
      pod.script(
          out ->
              out.write(
                  "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                      .getBytes(StandardCharsets.US_ASCII)));
      follow();

      assertThat(awaitSilence()).contains("it answers with HTTP status 302");
    }
  }

  @Nested
  class GivenNobodyWhoListens {
    @Test
    void whenAPodIsAsked_thenItsSilenceIsTold() throws IOException {
      pod.close();
      follow();

      assertThat(awaitSilence()).contains("it refuses the connection");
      assertThat(poller.answer(CLUSTER, head))
          .hasValueSatisfying(
              answer -> assertThat(((Answer.Silence) answer).everAnswered()).isFalse());
    }
  }

  @Nested
  class GivenManyClusters {
    /** More than are asked at the same time. */
    @Test
    void whenHundredsOfPodsHang_thenOneThatAnswersIsStillHeard() {
      var frozen = new ArrayList<ScriptedPod>();
      try {
        for (int i = 0; i < 200; i++) {
          var ip = "127.0.1." + (i + 1);
          frozen.add(ScriptedPod.at(ip, pod.port(), _ -> Thread.sleep(Duration.ofMinutes(10))));
          poller.follow(
              new ResourceID("frozen-" + i, "models"),
              List.of(new Target("uid", "pod-" + i, "frozen-" + i, ip, Role.HEAD)));
        }

        follow();

        assertThat(awaitAnswer()).isInstanceOf(Answer.OfHead.class);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } finally {
        frozen.forEach(
            each -> {
              try {
                each.close();
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
      }
    }
  }

  private static final class SetClock extends Clock {
    private volatile Instant now = Scene.NOW;

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }

    @Override
    public Instant instant() {
      return now;
    }
  }
}
