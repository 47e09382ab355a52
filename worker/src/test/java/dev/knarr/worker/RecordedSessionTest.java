// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.knarr.testkit.CapturedSession;
import dev.knarr.testkit.CapturedSession.Message;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What unmodified clients once sent to stock servers gets the same answers from this one. */
class RecordedSessionTest {
  /** Answers that a server is free to choose. */
  private static final Set<String> OWN_CHOICE =
      Set.of(
          "ALLOC_BUFFER", "BUFFER_GET_BASE", "GET_DEVICE_MEMORY", "GET_ALIGNMENT", "GET_MAX_SIZE");

  @ParameterizedTest
  @CsvSource({"single,CPU", "quant,CPU", "single,Vulkan0", "twodev,'CPU,Vulkan0'"})
  void whenARecordedClientIsReplayed_thenTheAnswersAreTheRecordedOnes(
      String session, String devices) throws IOException {
    replay(session, TestConfig.withDevices(devices.split(",")));
  }

  @ParameterizedTest
  @CsvSource({"single,CPU", "quant,CPU", "single,Vulkan0", "twodev,'CPU,Vulkan0'"})
  void whenGraphsAreRebuiltEachTime_thenTheAnswersAreTheRecordedOnesToo(
      String session, String devices) throws IOException {
    replay(session, TestConfig.withDevices(devices.split(",")).withGraphMemory("16Mi", "1"));
  }

  private static void replay(String session, TestConfig config) throws IOException {
    try (var worker = RunningWorker.configured(config)) {
      for (var connection : CapturedSession.named(session).connections()) {
        try (var client = new RecordedClient(worker.port())) {
          client.play(connection, RecordedSessionTest::compare);
        }
      }
    }
  }

  private static void compare(Message message, ByteBuffer recorded, ByteBuffer received) {
    if (OWN_CHOICE.contains(message.command())) {
      return;
    }
    if (message.command().equals("GET_TENSOR")
        && message.fields().at("/tensor/type").asInt() == 0) {
      assertThat(received.remaining()).isEqualTo(recorded.remaining());
      for (int at = 0; at < recorded.remaining(); at += Float.BYTES) {
        assertThat(received.getFloat(at))
            .as("%s, value %d", message, at / Float.BYTES)
            .isCloseTo(recorded.getFloat(at), within(2e-2f));
      }
      return;
    }
    assertThat(received).as(message.toString()).isEqualTo(recorded);
  }
}
