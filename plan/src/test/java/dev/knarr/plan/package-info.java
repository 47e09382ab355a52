// SPDX-License-Identifier: Apache-2.0
/** Tests of the planner. */
@NullMarked
package dev.knarr.plan;

import org.jspecify.annotations.NullMarked;
