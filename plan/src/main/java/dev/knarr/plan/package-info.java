// SPDX-License-Identifier: Apache-2.0
/**
 * Says what a model needs and where it goes: pure functions from a model's header and the devices
 * that answered to layers, bytes and llama-server's arguments. Start at {@link
 * dev.knarr.plan.SplitPlan#of}. Figures follow what llama.cpp allocates; where they can only be
 * estimated (compute buffers), they err upwards.
 */
@NullMarked
package dev.knarr.plan;

import org.jspecify.annotations.NullMarked;
