// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcRequest.AllocBuffer;
import dev.knarr.rpc.RpcRequest.BufferClear;
import dev.knarr.rpc.RpcRequest.BufferGetBase;
import dev.knarr.rpc.RpcRequest.CommAllreduce;
import dev.knarr.rpc.RpcRequest.CommFree;
import dev.knarr.rpc.RpcRequest.CommInit;
import dev.knarr.rpc.RpcRequest.CopyTensor;
import dev.knarr.rpc.RpcRequest.DeviceCount;
import dev.knarr.rpc.RpcRequest.FreeBuffer;
import dev.knarr.rpc.RpcRequest.GetAlignment;
import dev.knarr.rpc.RpcRequest.GetAllocSize;
import dev.knarr.rpc.RpcRequest.GetDeviceMemory;
import dev.knarr.rpc.RpcRequest.GetMaxSize;
import dev.knarr.rpc.RpcRequest.GetTensor;
import dev.knarr.rpc.RpcRequest.GetTensor2d;
import dev.knarr.rpc.RpcRequest.GraphCompute;
import dev.knarr.rpc.RpcRequest.GraphRecompute;
import dev.knarr.rpc.RpcRequest.Hello;
import dev.knarr.rpc.RpcRequest.InitTensor;
import dev.knarr.rpc.RpcRequest.MemsetTensor;
import dev.knarr.rpc.RpcRequest.SetTensor;
import dev.knarr.rpc.RpcRequest.SetTensor2d;
import dev.knarr.rpc.RpcRequest.SetTensorHash;
import dev.knarr.rpc.tensor.ComputeGraph;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.tensor.TensorOp;
import java.util.Comparator;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntFunction;
import java.util.function.LongFunction;
import java.util.stream.Collectors;

/**
 * The fields of a request as text for the log of commands: as much as the stock server prints with
 * {@code GGML_RPC_DEBUG}. Never tensor data. Any thread, as far as its sources allow.
 *
 * @param devices the name of a device by its number; the number may be anything
 * @param homes the name of the device of a buffer by its handle; the handle may be anything
 */
record CommandText(IntFunction<String> devices, LongFunction<String> homes) {
  /** The fields, each with a space before it; empty where there are none. */
  String of(RpcRequest request) {
    return switch (request) {
      case Hello _, DeviceCount _ -> "";
      case GetAlignment(int device) -> device(device);
      case GetMaxSize(int device) -> device(device);
      case GetDeviceMemory(int device) -> device(device);
      case GetAllocSize(int device, var tensor, var sources) ->
          device(device)
              + named("tensor", tensor)
              + sources.stream()
                  .filter(source -> !source.isNull())
                  .map(source -> named("source", source))
                  .collect(Collectors.joining());
      case AllocBuffer(int device, long size) -> device(device) + bytes(size);
      case BufferGetBase(long buffer) -> buffer(buffer);
      case FreeBuffer(long buffer) -> buffer(buffer);
      case BufferClear(long buffer, byte value) -> buffer(buffer) + " value=" + value;
      case InitTensor(var tensor) -> placed("tensor", tensor);
      case SetTensor(var tensor, boolean cache, long offset, long bytes) ->
          placed("tensor", tensor) + offset(offset) + bytes(bytes) + " cache=" + cache;
      case SetTensor2d(var tensor, long offset, long bytes, long pieces, long stride) ->
          placed("tensor", tensor) + pieces(offset, bytes, pieces, stride);
      case SetTensorHash(var tensor, long offset, long hash) ->
          placed("tensor", tensor) + offset(offset) + " hash=%016x".formatted(hash);
      case GetTensor(var tensor, long offset, long bytes) ->
          placed("tensor", tensor) + offset(offset) + bytes(bytes);
      case GetTensor2d(var tensor, long offset, long bytes, long pieces, long stride) ->
          placed("tensor", tensor) + pieces(offset, bytes, pieces, stride);
      case MemsetTensor(var tensor, long offset, long bytes, byte value) ->
          placed("tensor", tensor) + offset(offset) + bytes(bytes) + " value=" + value;
      case CopyTensor(var source, var target) -> placed("from", source) + placed("to", target);
      case GraphCompute(int device, long uid, var graph) -> device(device) + uid(uid) + of(graph);
      case GraphRecompute(int device, long uid) -> device(device) + uid(uid);
      // Not the host: it is the client's, and goes into no log.
      case CommInit(int device, int rank, int world, int port, String _) ->
          device(device) + " rank=%d world=%d port=%d".formatted(rank, world, port);
      case CommAllreduce(int device, var tensor) -> device(device) + placed("tensor", tensor);
      case CommFree(int device) -> device(device);
      case RouteRequest route -> " " + route;
    };
  }

  private String device(int number) {
    return " device=" + devices.apply(number);
  }

  private String buffer(long handle) {
    return " device=%s buffer=0x%x".formatted(homes.apply(handle), handle);
  }

  private static String named(String key, RpcTensor tensor) {
    return " %s=%s".formatted(key, tensor);
  }

  private String placed(String key, RpcTensor tensor) {
    return buffer(tensor.buffer()) + named(key, tensor) + " data=0x%x".formatted(tensor.data());
  }

  private static String offset(long offset) {
    return " offset=" + Long.toUnsignedString(offset);
  }

  private static String bytes(long bytes) {
    return " bytes=" + Long.toUnsignedString(bytes);
  }

  private static String pieces(long offset, long bytes, long pieces, long stride) {
    return offset(offset)
        + bytes(bytes)
        + " pieces=%s stride=%s"
            .formatted(Long.toUnsignedString(pieces), Long.toUnsignedString(stride));
  }

  private static String uid(long uid) {
    return " uid=" + Long.toUnsignedString(uid);
  }

  /** Counts, and how many nodes there are of each operation, most first. */
  private static String of(ComputeGraph graph) {
    var counts = new TreeMap<String, Integer>();
    for (int node = 0; node < graph.nodeCount(); node++) {
      int op = graph.tensor(graph.nodeIndex(node)).op();
      counts.merge(TensorOp.ofCode(op).map(TensorOp::name).orElse("op" + op), 1, Integer::sum);
    }
    var ops =
        counts.entrySet().stream()
            .sorted(Map.Entry.comparingByValue(Comparator.reverseOrder()))
            .map(entry -> entry.getKey() + ":" + entry.getValue())
            .collect(Collectors.joining(","));
    return " nodes=%d tensors=%d bytes=%d ops=%s"
        .formatted(graph.nodeCount(), graph.tensorCount(), graph.encodedBytes(), ops);
  }
}
