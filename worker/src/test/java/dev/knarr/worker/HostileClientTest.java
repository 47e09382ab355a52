// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcCommand;
import java.io.IOException;
import java.time.Duration;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever a client sends, the worst that happens is the end of its own connection. A client that
 * was there before goes on getting right answers from both devices.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HostileClientTest {
  /** Who was refused, with which command, and why: no reason is without a number or a name. */
  private static final Pattern REFUSAL =
      Pattern.compile(
          "conn=\\d+ peer=/127\\.0\\.0\\.1:\\d+ command=(%s|unknown) was closed: .*(\\d|'|HELLO).* \\(fault [a-z_]+\\)"
              .formatted(
                  Stream.of(RpcCommand.values()).map(Enum::name).collect(Collectors.joining("|"))));

  private RunningWorker worker;
  private RawClient witness;
  private LogLines refusals;

  @BeforeAll
  void open() throws IOException {
    worker = RunningWorker.with("CPU", "Vulkan0");
    witness = RawClient.to(worker.port());
    refusals = LogLines.of("dev.knarr.worker.server.RpcConnection");
  }

  @AfterAll
  void close() throws IOException {
    refusals.close();
    witness.close();
    worker.close();
  }

  static Stream<Attack> attacks() {
    return Stream.of(
            FrameAttacks.all(),
            TensorAttacks.all(),
            GraphAttacks.all(),
            OperationAttacks.all(),
            IndexAttacks.all())
        .flatMap(attacks -> attacks);
  }

  @ParameterizedTest
  @MethodSource("attacks")
  void whenAClientIsHostile_thenItsConnectionIsClosedAndNothingElseHappens(Attack attack)
      throws IOException {
    long refusedBefore = refused(attack.fault());
    long allRefusedBefore = worker.count(WorkerMetrics.REJECTED);
    int linesBefore = refusals.all().size();

    try (var client =
        attack.greeted() ? RawClient.to(worker.port()) : RawClient.silent(worker.port())) {
      attack.script().play(client);
      client.awaitClosed();
    }

    await("the connection's end")
        .pollInterval(Duration.ofMillis(5))
        .until(() -> worker.gauge(WorkerMetrics.CONNECTIONS) == 1);
    assertThat(refused(attack.fault()) - refusedBefore)
        .as("refusals because of " + attack.fault())
        .isEqualTo(1);
    assertThat(worker.count(WorkerMetrics.REJECTED) - allRefusedBefore)
        .as("refusals in all")
        .isEqualTo(1);
    assertThat(refusals.all().subList(linesBefore, refusals.all().size()))
        .filteredOn(line -> line.contains("(fault "))
        .singleElement()
        .asString()
        .matches(REFUSAL);
    assertThat(witness.sum(0, 2, 3)).isEqualTo(5);
    assertThat(witness.sum(1, 2, 3)).isEqualTo(5);
    assertThat(worker.gauge(WorkerMetrics.GRAPHS_STORED)).isZero();
  }

  private long refused(ProtocolFault fault) {
    return worker.count(WorkerMetrics.REJECTED, "fault", fault.metricName());
  }
}
