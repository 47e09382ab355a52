// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.worker.server.CommandLog;
import dev.knarr.worker.server.CommandLog.Scope;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The log of commands of a worker that serves two clients. */
class LoggedCommandsTest {
  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final Scope SECOND = new Scope(OptionalInt.of(2), Optional.empty());

  private RunningWorker worker;
  private RawClient first;
  private RawClient second;
  private LogLines lines;

  @BeforeEach
  void open() throws IOException {
    worker = RunningWorker.with("CPU");
    first = RawClient.to(worker.port());
    second = RawClient.to(worker.port());
    lines = LogLines.of(CommandLog.class.getName());
  }

  @AfterEach
  void close() throws IOException {
    lines.close();
    first.close();
    second.close();
    worker.close();
  }

  private List<String> commands() {
    return lines.all().stream().filter(line -> line.contains(" command=")).toList();
  }

  private static void countDevices(RawClient client) throws IOException {
    client.channel().send(new RpcRequest.DeviceCount());
    client.channel().receive(RpcResponse.DeviceCounted.class);
  }

  @Test
  void whenItIsOnForAConnection_thenEachOfItsCommandsIsALine() throws IOException {
    worker.worker().commandLog().switchOn(SECOND, MINUTE);

    first.sum(0, 2, 3);
    second.sum(0, 2, 3);
    countDevices(second);

    await("the line of the last command").until(() -> commands().size() == 8);
    assertThat(commands())
        .allSatisfy(
            line ->
                assertThat(line)
                    .matches("conn=2 peer=/127\\.0\\.0\\.1:\\d+ .* micros=\\d+ result=.*"))
        .satisfiesExactly(
            line ->
                assertThat(line)
                    .contains("command=ALLOC_BUFFER device=CPU bytes=4096 ")
                    .endsWith("result=AllocatedBuffer[buffer=1, size=4096]"),
            line -> assertThat(line).contains("command=BUFFER_GET_BASE device=CPU buffer=0x1 "),
            line ->
                assertThat(line)
                    .contains(
                        "command=SET_TENSOR device=CPU buffer=0x1 tensor='' NONE f32 [1,1,1,1]")
                    .contains(" offset=0 bytes=4 cache=false ")
                    .endsWith("result=ok"),
            line -> assertThat(line).contains("command=SET_TENSOR "),
            line ->
                assertThat(line)
                    .contains("command=GRAPH_COMPUTE device=CPU uid=0 nodes=1 tensors=3 bytes=")
                    .contains(" ops=ADD:1 "),
            line ->
                assertThat(line)
                    .contains("command=GET_TENSOR ")
                    .endsWith("result=TensorData[bytes=4]"),
            line -> assertThat(line).contains("command=FREE_BUFFER device=CPU buffer=0x1 "),
            line ->
                assertThat(line)
                    .contains("command=DEVICE_COUNT micros=")
                    .endsWith("result=DeviceCounted[count=1]"));
  }

  @Test
  void whenItIsSwitchedOff_thenNoCommandIsALine() throws IOException {
    worker.worker().commandLog().switchOn(SECOND, MINUTE);
    countDevices(second);
    await("a first line").until(() -> commands().size() == 1);

    worker.worker().commandLog().switchOff();
    second.sum(0, 2, 3);

    assertThat(commands()).hasSize(1);
  }

  @Test
  void whenALoggedCommandIsRefused_thenItsLineSaysSo() throws IOException {
    worker.worker().commandLog().switchOn(SECOND, MINUTE);

    second.channel().send(new RpcRequest.FreeBuffer(77));
    second.channel().flush();
    await("the line of the command").until(() -> commands().size() == 1);
    assertThat(commands())
        .singleElement()
        .asString()
        .contains("command=FREE_BUFFER device=unknown buffer=0x4d ")
        .endsWith("result=refused, unknown_buffer");
  }
}
