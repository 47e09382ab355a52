// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.wire;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.knarr.rpc.ProtocolVersion;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorShape;
import dev.knarr.rpc.tensor.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.List;

/** A server that answers anything. */
class ResponseFuzzTest {
  private static final WireLimits LIMITS = WireLimits.defaults();
  private static final RpcTensor TENSOR =
      RpcTensor.builder()
          .id(1)
          .buffer(1)
          .shape(TensorShape.contiguous(TensorType.F32, 16, 1, 1, 1))
          .build();
  private static final List<RpcRequest> QUESTIONS =
      List.of(
          new RpcRequest.DeviceCount(),
          new RpcRequest.AllocBuffer(0, 64),
          new RpcRequest.BufferGetBase(1),
          new RpcRequest.GetAlignment(0),
          new RpcRequest.GetMaxSize(0),
          new RpcRequest.GetDeviceMemory(0),
          new RpcRequest.GetAllocSize(0, TENSOR, Collections.nCopies(10, RpcTensor.none())),
          new RpcRequest.SetTensorHash(TENSOR, 0, 1),
          new RpcRequest.CopyTensor(TENSOR, TENSOR),
          new RpcRequest.GetTensor(TENSOR, 0, 64),
          new RpcRequest.GetTensor2d(TENSOR, 0, 8, 2, 8),
          new RpcRequest.CommInit(0, 0, 2, 50052, ""));

  @FuzzTest(maxDuration = "12s")
  void aStreamOfAnswersIsUnderstoodOrRefusedByAType(byte[] stream) throws IOException {
    try (RpcClientChannel client =
        RpcClientChannel.over(ScriptedByteChannel.of(stream), LIMITS, FrameMeter.NONE)) {
      assertThat(client.hello().major()).isEqualTo(ProtocolVersion.V8_0.major());
      for (RpcRequest question : QUESTIONS) {
        client.send(question);
        RpcResponse answer = client.receive(RpcResponse.class);
        assertThat(answer.answers(question.command())).isTrue();
        client.receiveData(ByteBuffer.allocate((int) client.dataRemaining()));
      }
    } catch (RpcProtocolException e) {
      assertThat(e.getMessage()).isNotBlank();
    }
  }
}
