// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.check;

import static dev.knarr.rpc.ProtocolFault.BAD_SHAPE;
import static dev.knarr.rpc.ProtocolFault.BUDGET_EXCEEDED;
import static dev.knarr.rpc.tensor.TensorType.F16;
import static dev.knarr.rpc.tensor.TensorType.F32;
import static dev.knarr.worker.check.Types.FLOATS;

import dev.knarr.rpc.tensor.TensorOp;
import dev.knarr.rpc.tensor.TensorType;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;

/**
 * Convolutions. In the ones that gather, strides, paddings and dilations may be anything, since the
 * kernels test each place they read; in the ones that scatter they decide what is written.
 */
final class ConvolutionRules {
  private static final Set<TensorType> F32_F16 = EnumSet.of(F32, F16);

  /** {@code GGML_IM2COL_WORK_SIZE}: one patch must fit, which the kernel asserts. */
  private static final long WORK_BYTES = 16L * 1024 * 1024;

  private ConvolutionRules() {}

  static void fill(Map<TensorOp, Rule> rules) {
    rules.put(TensorOp.IM2COL, ConvolutionRules::im2col);
    rules.put(TensorOp.IM2COL_BACK, ConvolutionRules::im2colBack);
    rules.put(TensorOp.IM2COL_3D, ConvolutionRules::im2col3d);
    rules.put(TensorOp.COL2IM_1D, ConvolutionRules::col2im);
    rules.put(TensorOp.CONV_2D, ConvolutionRules::conv2d);
    rules.put(TensorOp.CONV_3D, ConvolutionRules::conv3d);
    rules.put(TensorOp.CONV_2D_DW, ConvolutionRules::depthwise);
    rules.put(TensorOp.CONV_TRANSPOSE_1D, ConvolutionRules::transpose1d);
    rules.put(TensorOp.CONV_TRANSPOSE_2D, ConvolutionRules::transpose2d);
  }

  /** {@code ggml_compute_forward_im2col_f32}, {@code …_f16}: planes of operand 1 have no gaps. */
  private static void im2col(Operation op) {
    boolean twoD = op.param(6, 0, 1, "2-D") == 1;
    Operand kernel = op.source(0);
    Operand image = op.source(1).packed();
    Operand result = op.result().type(F32_F16).contiguous();
    image.type(result.type() == F32 ? Set.of(F32) : F32_F16);
    planes(image, twoD);
    int channels = twoD ? 2 : 1;
    long kernelHeight = twoD ? kernel.len(1) : 1;
    long patch = op.product(image.len(channels), kernelHeight, kernel.len(0));
    result.ne(0).is(patch, "channels times the kernel's elements");
    if (twoD) {
      result.ne(3).is(image.ne(3));
    } else {
      result.ne(2).is(image.ne(2));
      image.dimensions(3);
      result.dimensions(3);
    }
  }

  /** {@code ggml_compute_forward_im2col_back_f32}: operand 0 has the columns, the result planes. */
  private static void im2colBack(Operation op) {
    boolean twoD = op.param(6, 0, 1, "2-D") == 1;
    op.param(0, 1, Integer.MAX_VALUE, "stride 0");
    if (twoD) {
      op.param(1, 1, Integer.MAX_VALUE, "stride 1");
    }
    Operand gradient = op.source(0).type(F32).contiguous();
    Operand kernel = op.source(1).type(F32_F16);
    Operand result = op.result().type(F32).packed();
    planes(result, twoD);
    int channels = twoD ? 2 : 1;
    long kernelHeight = twoD ? kernel.len(1) : 1;
    long patch = op.product(result.len(channels), kernelHeight, kernel.len(0));
    gradient.ne(0).is(patch, "channels times the kernel's elements");
    gradient.ne(twoD ? 3 : 2).is(result.ne(twoD ? 3 : 2));
  }

  /** Rows and, in 2-D, planes without gaps; the kernel keeps the other strides in an int. */
  private static void planes(Operand image, boolean twoD) {
    int channels = twoD ? 2 : 1;
    for (int i = channels; i <= channels + 1; i++) {
      image.nb(i).atMost(Integer.MAX_VALUE, "the kernel keeps it in 31 bits");
    }
    if (image.empty()) {
      return;
    }
    long end = (image.len(channels) - 1) * image.step(channels);
    end += (image.len(channels + 1) - 1) * image.step(channels + 1);
    end += image.rowBytes() * (twoD ? image.len(1) : 1);
    image.reaches(end, "planes without gaps");
  }

  private static void im2col3d(Operation op) {
    Operand kernel = op.source(0);
    Operand image = op.source(1).type(F32).packed();
    Operand result = op.result().type(F32_F16).contiguous();
    int channels = op.param(9, 1, Integer.MAX_VALUE, "the number of channels");
    long batches = image.len(3) / channels;
    long patch = op.product(channels, kernel.len(0), kernel.len(1), kernel.len(2));
    result.ne(0).is(patch, "channels times the kernel's elements");
    // The kernel divides by the images, and by none of them only where there is nothing to do.
    if (batches == 0 && !result.empty()) {
      throw op.refuse(
          BAD_SHAPE,
          "%s is %d, less than the %d channels".formatted(image.ne(3), image.len(3), channels));
    }
  }

  private static void col2im(Operation op) {
    op.param(0, 1, Integer.MAX_VALUE, "the stride");
    int channels = op.param(1, 1, Integer.MAX_VALUE, "the number of channels");
    op.param(2, 0, Integer.MAX_VALUE, "the padding");
    Operand columns = op.source(0).type(FLOATS).contiguous().dimensions(2);
    Operand result = op.result().typeOf(columns).contiguous().dimensions(2);
    result.ne(1).is(channels, "channels by op_params[1]");
    if (columns.len(0) % channels != 0) {
      throw op.refuse(
          BAD_SHAPE,
          "%s is %d, no multiple of %d channels"
              .formatted(columns.ne(0), columns.len(0), channels));
    }
  }

  private static void conv2d(Operation op) {
    Operand kernel = op.source(0).type(F32_F16).contiguous();
    Operand image = op.source(1).type(F32);
    Operand result = op.result().type(F32);
    image.ne(2).is(kernel.ne(2));
    result.ne(2).is(kernel.ne(3));
    result.ne(3).is(image.ne(3));
    patchFits(op, op.product(kernel.len(0), kernel.len(1), kernel.len(2)), kernel.len(3));
  }

  private static void conv3d(Operation op) {
    Operand kernel = op.source(0).type(F32_F16).contiguous();
    Operand image = op.source(1).type(F32);
    Operand result = op.result().type(F32);
    long in = op.param(9, 1, Integer.MAX_VALUE, "the channels of operand 1");
    long images = op.param(10, 1, Integer.MAX_VALUE, "the number of images");
    long out = op.param(11, 1, Integer.MAX_VALUE, "the channels of the result");
    kernel.ne(3).is(in * out, "channels in times channels out");
    image.ne(3).is(in * images, "channels in times images");
    result.ne(3).is(out * images, "channels out times images");
    patchFits(op, op.product(kernel.len(0), kernel.len(1), kernel.len(2), in), out);
  }

  private static void patchFits(Operation op, long patch, long channels) {
    long size = op.source(0).type().blockBytes();
    long bytes = op.product(patch, size) + op.product(channels, Float.BYTES);
    if (bytes > WORK_BYTES) {
      throw op.refuse(
          BUDGET_EXCEEDED,
          "one patch takes %d bytes of the %d that ggml works in".formatted(bytes, WORK_BYTES));
    }
  }

  /** {@code ggml_compute_forward_conv_2d_dw}: planes side by side, or channels side by side. */
  private static void depthwise(Operation op) {
    Operand kernel = op.source(0).type(F32_F16).flat();
    Operand image = op.source(1).type(F32).flat();
    Operand result = op.result().type(F32).flat();
    kernel.ne(2).is(1, "one kernel per channel");
    kernel.ne(3).is(image.ne(2));
    result.ne(2).is(image.ne(2));
    result.ne(3).is(image.ne(3));
    if (image.isContiguous()) {
      return;
    }
    boolean channelsFirst =
        image.step(0) > image.step(2)
            && image.step(1) > image.step(0)
            && image.step(2) == image.type().blockBytes();
    if (!channelsFirst) {
      throw op.refuse(BAD_SHAPE, "operand 1 has neither planes nor channels side by side");
    }
    kernel.nb(0).atLeast(kernel.nb(2));
    kernel.nb(1).atLeast(kernel.nb(0));
  }

  private static void transpose1d(Operation op) {
    Operand kernel = op.source(0).type(F32_F16).packed().dimensions(3);
    Operand signal = op.source(1).type(F32).packed().dimensions(2);
    Operand result = op.result().type(F32).packed();
    long stride = op.param(0, 1, Integer.MAX_VALUE, "the stride");
    signal.ne(1).is(kernel.ne(2));
    result.ne(1).is(kernel.ne(1));
    result.ne(0).atLeast(scattered(signal.len(0), stride, kernel.len(0)), "where results go");
    kernelFits(op, kernel);
  }

  private static void transpose2d(Operation op) {
    Operand kernel = op.source(0).type(F32_F16).packed();
    Operand image = op.source(1).type(F32).packed();
    Operand result = op.result().type(F32).contiguous();
    long stride = op.param(0, 1, Integer.MAX_VALUE, "the stride");
    image.ne(2).is(kernel.ne(3));
    result.ne(2).is(kernel.ne(2));
    result.ne(3).is(image.ne(3));
    for (int i = 0; i < 2; i++) {
      result.ne(i).atLeast(scattered(image.len(i), stride, kernel.len(i)), "where results go");
    }
    kernelFits(op, kernel);
    if (!kernel.empty()) {
      long end = (kernel.len(3) - 1) * kernel.step(3) + (kernel.len(2) - 1) * kernel.step(2);
      kernel.reaches(end + kernel.rowBytes() * kernel.len(1), "planes without gaps");
    }
  }

  /** Elements that inputs a stride apart reach, each as far as the kernel. */
  private static long scattered(long inputs, long stride, long kernel) {
    return inputs == 0 || kernel == 0 ? 0 : (inputs - 1) * stride + kernel;
  }

  /** The kernel counts its elements in an int. */
  private static void kernelFits(Operation op, Operand kernel) {
    if (kernel.elements() > Integer.MAX_VALUE) {
      throw op.refuse(BAD_SHAPE, "operand 0 has %d elements".formatted(kernel.elements()));
    }
  }
}
